"""What may be said of a mix, by topic and value: the documented lists of synonyms and sentence shapes.

Words belong here, whose claims `tests.test_prompt_grammar` checks one by one; when they hold is decided in `facts`.
"""

from __future__ import annotations

from collections.abc import Mapping

from flamingo_bark_assets.prompts.grammar import Wording
from flamingo_bark_assets.prompts.phrasebook_relative import RELATIVE

MIX: Mapping[tuple[str, str], Wording] = {
    ("pace", "very slow"): Wording(
        adjectives=("{very|extremely} slow", "very slow-paced"),
        clauses=("it {moves|proceeds|goes} at a very slow {pace|tempo}", "the {tempo|pace} is {very|extremely} slow"),
        tags=("very slow", "very slow tempo"),
    ),
    ("pace", "slow"): Wording(
        adjectives=("slow", "slow-paced", "slow-tempo"),
        clauses=("it {moves|proceeds|goes} at a slow {pace|tempo}", "the {tempo|pace} is slow"),
        tags=("slow", "slow tempo", "slow-paced"),
    ),
    ("pace", "moderate"): Wording(
        adjectives=("mid-tempo", "medium-paced", "moderate-tempo", "medium-tempo"),
        clauses=("it {moves|proceeds|goes} at a {moderate|medium} {pace|tempo}", "the {tempo|pace} is moderate"),
        tags=("mid-tempo", "moderate tempo", "medium-paced"),
    ),
    ("pace", "fast"): Wording(
        adjectives=("fast", "up-tempo", "fast-paced", "brisk", "quick"),
        clauses=("it {moves|goes|runs} at a {fast|brisk|quick} {pace|tempo}", "the {tempo|pace} is {fast|brisk|quick}"),
        tags=("fast", "up-tempo", "brisk tempo", "fast-paced"),
    ),
    ("pace", "very fast"): Wording(
        adjectives=("very fast", "extremely fast", "very fast-paced"),
        clauses=(
            "it {moves|goes|runs} at a {very fast|rapid} {pace|tempo}", "the {tempo|pace} is {very|extremely} fast",
        ),
        tags=("very fast", "rapid tempo"),
    ),
    ("tempo", "known"): Wording(
        clauses=(
            "the tempo {is|sits at|holds at} <bpm> BPM", "it {runs|moves|goes} at <bpm> BPM",
            "the pulse {sits|stays} at <bpm> BPM", "it is {paced|played} at <bpm> BPM",
        ),
        nouns=("a tempo of <bpm> BPM", "a pulse of <bpm> BPM"),
        tags=("<bpm> BPM",),
    ),
    ("key", "known"): Wording(
        clauses=(
            "the key is <key>", "it is {set|written} in <key>", "it is in {<key>|the key of <key>}",
            "its key is <key>",
        ),
        nouns=("<key> as its key",),
        tags=("<key>",),
    ),
    ("metre", "known"): Wording(
        clauses=(
            "the {metre|time signature} is <metre>", "it is {counted|felt|written} in <metre>",
        ),
        nouns=("a <metre> metre", "a <metre> time signature"),
        tags=("<metre>", "<metre> time"),
    ),
    ("swing", "swung"): Wording(
        clauses=(
            "the {groove|rhythm} {swings|has a swing to it}", "the off-beats {are swung|swing}",
            "pairs of notes are {swung|played long-short}",
        ),
        nouns=("swung off-beats", "a {swinging|swung} feel", "a lilt in its {rhythm|groove}"),
        adjectives=("swinging", "swung"),
        tags=("swing feel", "swung", "swung off-beats"),
    ),
    ("swing", "straight"): Wording(
        clauses=(
            "the off-beats {fall|land|sit} {halfway|exactly halfway} between the beats",
            "the {groove|rhythm} is {straight|unswung|played straight}", "the beat is {evenly divided|divided evenly}",
        ),
        nouns=("a straight feel", "an unswung feel", "a straight rhythm"),
        tags=("straight feel", "straight rhythm", "unswung"),
    ),
    ("steadiness", "steady"): Wording(
        clauses=(
            "the {beat|tempo|pulse} {stays|remains|is} {steady|constant|unwavering}", "the timing is strict",
            "it {keeps|holds} its tempo from bar to bar",
        ),
        nouns=("a {steady|constant|consistent|unwavering} {beat|pulse|tempo}", "strict timing"),
        tags=("steady beat", "constant tempo", "steady pulse"),
    ),
    ("steadiness", "slightly varying"): Wording(
        clauses=(
            "the {beat|tempo|pulse} {bends|breathes} a little", "the timing {is|feels} slightly elastic",
            "the timing {pushes and pulls|hesitates} a little",
        ),
        nouns=("slightly elastic timing", "a {beat|pulse} that breathes a little"),
        tags=("elastic timing", "breathing tempo"),
    ),
    ("steadiness", "free"): Wording(
        clauses=(
            "the {tempo|pulse|beat} {moves freely|is free}",
            "the tempo {stretches and contracts|ebbs and flows}",
            "it {pushes|hurries} and {lingers|holds back} at will",
        ),
        nouns=("a freely moving {tempo|pulse}", "free timing"),
        tags=("free tempo", "free timing"),
    ),
    ("loudness", "quiet"): Wording(
        clauses=("the {level|mix|master} is quiet", "it is mastered {at a low level|softly}"),
        nouns=("a quiet {master|mix}", "a soft overall level"),
        tags=("quiet master", "soft level"),
    ),
    ("loudness", "moderately loud"): Wording(
        clauses=("the {master|mix} is moderately loud", "it is mastered at {a moderate|a medium} level"),
        nouns=("a moderately loud {master|mix}", "a medium overall level"),
        tags=("moderately loud master", "medium level"),
    ),
    ("loudness", "loud"): Wording(
        clauses=("the {master|mix} is loud", "it is mastered loud", "it comes across as loud"),
        nouns=("a loud {master|mix}", "a loud overall level"),
        tags=("loud master", "loud mix"),
    ),
    ("loudness", "very loud"): Wording(
        clauses=("the {master|mix} is {very|extremely} loud", "it is mastered {very|extremely} loud"),
        nouns=("a {very|extremely} loud {master|mix}", "a very loud overall level"),
        tags=("very loud master", "very loud mix"),
    ),
    ("dynamics", "narrow"): Wording(
        clauses=(
            "the dynamics {stay|are|are kept} even", "the level stays {much|nearly} the same",
            "the dynamic range is {narrow|small}", "soft and strong passages {differ little|are close} in level",
        ),
        nouns=("{even|level} dynamics", "a {narrow|small|limited} dynamic range", "a level that stays much the same"),
        tags=("even dynamics", "narrow dynamic range"),
    ),
    ("dynamics", "moderate"): Wording(
        clauses=(
            "the dynamics are moderate", "the dynamic range is moderate",
            "the level {varies|rises and falls} moderately",
        ),
        nouns=("moderate dynamics", "a moderate dynamic range"),
        tags=("moderate dynamics", "moderate dynamic range"),
    ),
    ("dynamics", "wide"): Wording(
        clauses=(
            "the dynamics {range widely|are wide}", "the dynamic range is {wide|large|broad}",
            "soft and strong passages {differ a lot|are far apart} in level",
            "the level {swells and sinks|rises and falls} a lot",
        ),
        nouns=("{wide|wide-ranging} dynamics", "a {wide|large|broad} dynamic range", "strong contrasts of level"),
        tags=("wide dynamics", "wide dynamic range"),
    ),
    ("brightness", "dark"): Wording(
        clauses=(
            "the {tone|sound|timbre} is dark", "the tone is on the dark side",
            "the {highs|upper frequencies} are {subdued|held back}",
        ),
        nouns=("a dark {tone|timbre|sound}", "subdued {highs|upper frequencies}", "a tone on the dark side"),
        adjectives=("dark-sounding", "dark-toned"),
        tags=("dark tone", "dark timbre", "dark sound"),
    ),
    ("brightness", "balanced"): Wording(
        clauses=(
            "the {tone|timbre|sound} is {balanced|even}", "lows and highs are in balance",
            "the spectrum is {evenly filled|well balanced}",
        ),
        nouns=("a {balanced|even} {tone|timbre|sound}", "balanced lows and highs"),
        tags=("balanced tone", "even timbre", "balanced sound"),
    ),
    ("brightness", "bright"): Wording(
        clauses=(
            "the {tone|sound|timbre} is bright", "the tone is on the bright side",
            "the {highs|upper frequencies} {stand out|come forward}",
        ),
        nouns=("a bright {tone|timbre|sound}", "prominent {highs|upper frequencies}", "a tone on the bright side"),
        adjectives=("bright-sounding", "bright-toned"),
        tags=("bright tone", "bright timbre", "bright sound"),
    ),
    ("stereo", "mono"): Wording(
        clauses=(
            "the recording is {mono|monophonic}", "it is recorded in mono",
            "everything {comes from|sits in} the centre",
        ),
        nouns=("a {mono|monophonic} mix", "{mono|monophonic} sound"),
        tags=("in mono", "mono recording"),
    ),
    ("stereo", "narrow"): Wording(
        clauses=(
            "the stereo image is narrow", "the mix {keeps|stays} near the {middle|centre}",
            "most of it {stays|sits} around the {middle|centre}",
        ),
        nouns=("a narrow stereo {image|field}", "a mix close to the centre"),
        tags=("narrow stereo image", "narrow stereo"),
    ),
    ("stereo", "medium"): Wording(
        clauses=(
            "the stereo image is moderate",
            "the mix {opens up|spreads} a little to {the sides|both sides}",
        ),
        nouns=("a moderate stereo {image|spread}", "some stereo spread"),
        tags=("stereo", "moderate stereo spread"),
    ),
    ("stereo", "wide"): Wording(
        clauses=(
            "the stereo {image|field} is {wide|broad}", "the mix {spreads|reaches} far to {the sides|both sides}",
            "the sides carry {much|a lot} of the sound",
        ),
        nouns=("a {wide|broad} stereo {image|field}", "plenty of sound at the sides"),
        tags=("wide stereo image", "wide stereo", "broad stereo field"),
    ),
    ("density", "sparse"): Wording(
        clauses=(
            "notes are {few|well spaced}", "there is {room|plenty of room} between the notes",
            "new notes come {seldom|only now and then}",
        ),
        nouns=("{well-spaced|few} notes", "room between its notes"),
        adjectives=("sparse",),
        tags=("sparse", "few notes", "well-spaced notes"),
    ),
    ("density", "moderate"): Wording(
        clauses=("it has a {fair|reasonable} number of notes", "the note density is medium"),
        nouns=("a {fair|reasonable} number of notes", "a medium note density"),
        tags=("medium note density", "fair number of notes"),
    ),
    ("density", "busy"): Wording(
        clauses=(
            "notes follow {each other|one another} closely", "it is {busy|full of notes|packed with notes}",
            "new notes come thick and fast",
        ),
        nouns=("a busy stream of notes", "closely spaced notes", "plenty of notes"),
        adjectives=("busy",),
        tags=("busy", "many notes", "closely spaced notes"),
    ),
    ("lows", "heavy"): Wording(
        clauses=(
            "the low end {dominates|carries much of the weight|is heavy}",
            "most of the weight {lies|sits} in the lows", "the lows {prevail|dominate}",
        ),
        nouns=("a {heavy|weighty|dominant} low end", "most of its weight in the lows", "strong low frequencies"),
        adjectives=("bottom-heavy",),
        tags=("heavy low end", "bottom-heavy", "strong lows"),
    ),
    ("lows", "light"): Wording(
        clauses=(
            "the low end is {light|lean}", "there is little low end",
            "the lows {play a small part|stay in the background}",
        ),
        nouns=("a {light|lean} low end", "modest low frequencies"),
        tags=("light low end", "lean low end"),
    ),
    ("mids", "strong"): Wording(
        clauses=(
            "the midrange {stands out|is strong|leads}", "the mids {carry most of the weight|are forward}",
            "middle frequencies {prevail|stand out}",
        ),
        nouns=("a {strong|prominent|forward} midrange", "strong middle frequencies"),
        tags=("forward midrange", "prominent mids"),
    ),
    ("harmony pace", "slow"): Wording(
        clauses=(
            "the chords change {slowly|seldom}", "chords {last|are held} for a long time",
            "the harmony {moves slowly|takes its time}",
        ),
        nouns=("chords that last", "long-held chords", "slowly changing chords"),
        tags=("long-held chords", "slowly changing chords"),
    ),
    ("harmony pace", "moderate"): Wording(
        clauses=(
            "the chords change {fairly often|every so often}", "the harmony changes {fairly often|every so often}",
        ),
        nouns=("fairly frequent chord changes", "regular chord changes"),
        tags=("regular chord changes", "fairly frequent chord changes"),
    ),
    ("harmony pace", "quick"): Wording(
        clauses=(
            "the chords change {quickly|often}", "the harmony keeps {moving|changing}",
            "one chord soon {gives way to|follows} another",
        ),
        nouns=("{quickly|often} changing chords", "frequent chord changes", "a restless harmony"),
        tags=("frequent chord changes", "quickly changing chords"),
    ),
    ("chord colour", "major"): Wording(
        clauses=(
            "major chords {prevail|dominate|outweigh the others}", "most chords are major",
            "the chords are {mostly|mainly|largely} major",
        ),
        nouns=("{mostly|mainly|largely} major chords", "a preference for major chords"),
        tags=("major chords", "mostly major chords"),
    ),
    ("chord colour", "minor"): Wording(
        clauses=(
            "minor chords {prevail|dominate|outweigh the others}", "most chords are minor",
            "the chords are {mostly|mainly|largely} minor",
        ),
        nouns=("{mostly|mainly|largely} minor chords", "a preference for minor chords"),
        tags=("minor chords", "mostly minor chords"),
    ),
    ("chord colour", "seventh"): Wording(
        clauses=(
            "seventh chords {abound|prevail|run through it}", "many chords {carry|have|add} a seventh",
            "the chords are rich in sevenths",
        ),
        nouns=("many seventh chords", "sevenths in many of its chords", "plenty of seventh chords"),
        tags=("seventh chords", "rich in sevenths"),
    ),
    **RELATIVE,
}  # fmt: skip

NOUNS = ("track", "piece", "recording", "composition", "production")
"""What a whole recording is called."""
OPENINGS = ("", "", "", "this is ", "here is ", "we hear ", "you hear ")
AT_TEMPO = (
    "at <bpm> BPM", "at a tempo of <bpm> BPM", "running at <bpm> BPM", "paced at <bpm> BPM",
    "moving at <bpm> BPM", "played at <bpm> BPM", "with a tempo of <bpm> BPM",
)  # fmt: skip
IN_KEY = (
    "in <key>", "in the key of <key>", "{set|written} in <key>", "whose key is <key>", "with <key> as its key",
    "that is in <key>",
)  # fmt: skip
JOINING_SEVERAL = ("that {combines|joins|brings together} <instruments>",)
"""Of the ways to tell what plays those that need two instruments."""
PLAYED = (
    "with <instruments>", "played on <instruments>", "featuring <instruments>", "{made|built} from <instruments>",
    "for <instruments>", "{carried|led|driven} by <instruments>", *JOINING_SEVERAL,
    "that uses <instruments>",
)  # fmt: skip
PLAYING = (
    "{carry|drive|make up|shape|form|fill}", "come together in", "meet in", "are {heard|joined|combined} in", "play",
)  # fmt: skip
ADDING = ("with <detail>", "marked by <detail>", "that has <detail>", "characterised by <detail>", "of <detail>")
"""How noun phrases go on after the opening; the last one only where a noun of the track stands before it."""
