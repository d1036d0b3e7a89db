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
            "the pulse {sits|stays} at <bpm> BPM", "it is {paced|timed|played} at <bpm> BPM",
        ),
        nouns=("<bpm> BPM {as its tempo|on the clock}", "a tempo of <bpm> BPM", "its tempo at <bpm> BPM"),
        tags=("<bpm> BPM",),
    ),
    ("key", "known"): Wording(
        clauses=(
            "the key is <key>", "it is {set|written|rooted|pitched} in <key>", "the {harmony|tonal centre} is <key>",
            "it {rests|stays|sits} in <key>", "everything {turns|revolves} around <key>",
        ),
        nouns=("a key of <key>", "a tonal centre of <key>", "its harmony in <key>"),
        tags=("<key>",),
    ),
    ("metre", "known"): Wording(
        clauses=(
            "the {metre|time signature} is <metre>", "it is {counted|barred|felt|written} in <metre>",
            "bars {are|come} in <metre>",
        ),
        nouns=("a <metre> metre", "<metre> bars", "bars of <metre>"),
        tags=("<metre>", "<metre> time"),
    ),
    ("swing", "swung"): Wording(
        clauses=(
            "the {groove|rhythm} {swings|has a swing to it}", "off-beats {fall late|are swung|come late}",
            "{short notes|pairs of notes} are {swung|played long-short}",
        ),
        nouns=("{swung|late} off-beats", "a {swinging|swung} feel", "a lilt in its {rhythm|groove}"),
        adjectives=("swinging", "swung"),
        tags=("swing feel", "swung", "swung off-beats"),
    ),
    ("swing", "straight"): Wording(
        clauses=(
            "off-beats {fall|land|sit} {halfway|exactly halfway} between {the beats|beats}",
            "the {groove|rhythm} is {straight|unswung|played straight}", "notes are {evenly divided|played straight}",
        ),
        nouns=("a straight feel", "{even|straight} off-beats"),
        tags=("straight feel", "straight rhythm", "unswung"),
    ),
    ("steadiness", "steady"): Wording(
        clauses=(
            "the {beat|tempo|pulse} {stays|remains|is} {steady|constant|unwavering}", "time is kept {strictly|evenly}",
            "it {keeps|holds} its tempo from bar to bar",
        ),
        nouns=("a {steady|constant|consistent|unwavering} {beat|pulse|tempo}", "strict timekeeping"),
        tags=("steady beat", "constant tempo", "steady pulse"),
    ),
    ("steadiness", "slightly varying"): Wording(
        clauses=(
            "the {beat|tempo|pulse} {gives|bends|breathes} a little", "the timing {is|feels} slightly elastic",
            "small {pushes and pulls|hesitations} {mark|colour} the timing",
        ),
        nouns=("slightly elastic timing", "a {beat|pulse} that {breathes|gives} a little"),
        tags=("elastic timing", "breathing tempo"),
    ),
    ("steadiness", "free"): Wording(
        clauses=(
            "the {tempo|pulse|beat} {moves freely|is free}",
            "time {stretches|is stretched} and {contracts|is squeezed}",
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
        clauses=("the {master|mix} is moderately loud", "it is mastered at {an ordinary|a usual|a medium} level"),
        nouns=("a moderately loud {master|mix}", "an ordinary playback level"),
        tags=("moderately loud master", "ordinary level"),
    ),
    ("loudness", "loud"): Wording(
        clauses=("the {master|mix} is loud", "it is mastered loud", "it {plays back|comes across} at a loud level"),
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
            "the dynamic range is {narrow|small}", "{soft|gentle} and strong moments {lie|sit} close together",
        ),
        nouns=("{even|level} dynamics", "a {narrow|small|limited} dynamic range", "a level that stays much the same"),
        tags=("even dynamics", "narrow dynamic range"),
    ),
    ("dynamics", "moderate"): Wording(
        clauses=(
            "the dynamics {rise and fall|move} {within bounds|moderately}", "the dynamic range is moderate",
            "the level {varies|moves} {a fair amount|to a medium degree}",
        ),
        nouns=("moderate dynamics", "a moderate dynamic range", "a fair amount of dynamic movement"),
        tags=("moderate dynamics", "moderate dynamic range"),
    ),
    ("dynamics", "wide"): Wording(
        clauses=(
            "the dynamics {range widely|reach far}", "the dynamic range is {wide|large|broad}",
            "{soft|gentle} and strong moments {lie|sit} far apart",
            "the level {swells and sinks|rises and falls} a lot",
        ),
        nouns=("{wide|far-reaching} dynamics", "a {wide|large|broad} dynamic range", "strong contrasts of level"),
        tags=("wide dynamics", "wide dynamic range"),
    ),
    ("brightness", "dark"): Wording(
        clauses=(
            "the {tone|sound|timbre} is dark", "the tone {leans|sits} on the dark side",
            "{highs|trebles} stay {subdued|tucked away}",
        ),
        nouns=("a dark {tone|timbre|sound}", "subdued {highs|trebles}", "a tone on the dark side"),
        adjectives=("dark-sounding", "dark-toned"),
        tags=("dark tone", "dark timbre", "dark sound"),
    ),
    ("brightness", "balanced"): Wording(
        clauses=(
            "the {tone|timbre|sound} is {balanced|even}", "lows and highs {keep their balance|balance out}",
            "the spectrum is {evenly filled|in balance}",
        ),
        nouns=("a {balanced|even} {tone|timbre|sound}", "lows and highs in balance"),
        tags=("balanced tone", "even timbre", "balanced sound"),
    ),
    ("brightness", "bright"): Wording(
        clauses=(
            "the {tone|sound|timbre} is bright", "the tone {leans|sits} on the bright side",
            "{highs|trebles} {stand out|come forward}",
        ),
        nouns=("a bright {tone|timbre|sound}", "prominent {highs|trebles}", "a tone on the bright side"),
        adjectives=("bright-sounding", "bright-toned"),
        tags=("bright tone", "bright timbre", "bright sound"),
    ),
    ("stereo", "mono"): Wording(
        clauses=(
            "the recording is {mono|monophonic}", "it is recorded in mono",
            "everything {comes from|sits in} the middle",
        ),
        nouns=("a {mono|monophonic} mix", "everything in the middle"),
        tags=("in mono", "mono recording"),
    ),
    ("stereo", "narrow"): Wording(
        clauses=(
            "the stereo image is narrow", "the mix {keeps|stays} near the {middle|centre}",
            "most of it {stays|sits} around the {middle|centre}",
        ),
        nouns=("a narrow stereo {image|field}", "most of it near the {middle|centre}"),
        tags=("narrow stereo image", "narrow stereo"),
    ),
    ("stereo", "medium"): Wording(
        clauses=(
            "the stereo image is {moderate|of medium size}",
            "the mix {opens up|spreads} a little to {the sides|both sides}",
        ),
        nouns=("a moderate stereo {image|spread}", "some spread to {the sides|both sides}"),
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
            "notes are {few|well spaced|spread thin}", "the arrangement {leaves|has} {room|plenty of room}",
            "few things happen at a time",
        ),
        nouns=("a sparse {arrangement|texture}", "{well-spaced|few} notes", "room between its notes"),
        adjectives=("sparse", "sparsely arranged"),
        tags=("sparse arrangement", "sparse texture"),
    ),
    ("density", "moderate"): Wording(
        clauses=(
            "notes come at an even density", "the arrangement is {of medium density|moderately full}",
            "the texture is {fairly|reasonably} full",
        ),
        nouns=("a {fairly full|medium-density} {arrangement|texture}", "a {fair|reasonable} number of notes"),
        tags=("medium density", "fairly full texture"),
    ),
    ("density", "busy"): Wording(
        clauses=(
            "notes {follow|chase} each other closely", "the arrangement is {busy|crowded|packed}",
            "every moment {brings|adds} a new note",
        ),
        nouns=("a {busy|packed} {arrangement|texture}", "a stream of closely spaced notes", "plenty of notes"),
        adjectives=("busy", "densely arranged"),
        tags=("busy arrangement", "dense texture", "busy texture"),
    ),
    ("energy", "low"): Wording(
        clauses=("the energy is {low|held back}", "it {holds back|stays restrained}", "it spares its force"),
        nouns=("energy in reserve", "{restrained|low} energy", "energy held back"),
        adjectives=("low-energy", "restrained"),
        tags=("low energy", "restrained"),
    ),
    ("energy", "medium"): Wording(
        clauses=("the energy is {moderate|in the middle}", "it carries a {fair|medium} amount of energy"),
        nouns=("a medium level of energy", "moderate energy"),
        tags=("medium energy", "moderate energy"),
    ),
    ("energy", "high"): Wording(
        clauses=("the energy is {high|strong}", "it {bristles|bursts} with energy", "it is full of energy"),
        nouns=("{plenty|lots} of energy", "{strong|high} energy"),
        adjectives=("energetic", "high-energy"),
        tags=("high energy", "energetic"),
    ),
    ("lows", "heavy"): Wording(
        clauses=(
            "the low end {dominates|carries much of the weight|is heavy}",
            "most of the weight {lies|sits} in the lows", "low frequencies {prevail|weigh most}",
        ),
        nouns=("a {heavy|weighty|massive} low end", "most of its weight in the lows", "strong low frequencies"),
        adjectives=("bottom-heavy",),
        tags=("heavy low end", "bottom-heavy", "strong lows"),
    ),
    ("lows", "light"): Wording(
        clauses=(
            "the low end is {light|slim}", "the lows weigh lightly",
            "low frequencies {keep back|play a small part}",
        ),
        nouns=("a {light|slim} low end", "lightly weighted lows", "weak low frequencies"),
        tags=("light low end", "slim lows"),
    ),
    ("mids", "strong"): Wording(
        clauses=(
            "the midrange {stands out|is strong|leads}", "the mids {carry most of the weight|come to the front}",
            "middle frequencies {prevail|stand out}",
        ),
        nouns=("a {strong|prominent|forward} midrange", "strong middle frequencies"),
        tags=("forward midrange", "prominent mids"),
    ),
    ("harmony pace", "slow"): Wording(
        clauses=(
            "the chords change {slowly|seldom}", "chords {last|are held} for a long time",
            "the harmony {lingers|takes its time}",
        ),
        nouns=("chords that {last|linger}", "long-held chords", "seldom changing chords"),
        tags=("long-held chords", "slowly changing chords"),
    ),
    ("harmony pace", "moderate"): Wording(
        clauses=(
            "the chords change {at a measured rate|now and then}",
            "the harmony {moves on|turns} at {ordinary|medium} intervals",
        ),
        nouns=("chords that change now and then", "regularly changing chords"),
        tags=("regular chord changes", "measured chord changes"),
    ),
    ("harmony pace", "quick"): Wording(
        clauses=(
            "the chords change {quickly|often}", "the harmony keeps {turning|moving}",
            "one chord soon {gives way to|follows} another",
        ),
        nouns=("{quickly|often} changing chords", "frequent chord changes", "a restless harmony"),
        tags=("frequent chord changes", "quickly changing chords"),
    ),
    ("chord colour", "major"): Wording(
        clauses=(
            "major chords {prevail|dominate|outweigh the others}", "most chords are major",
            "the chords are {mostly|chiefly|largely} major",
        ),
        nouns=("{mostly|chiefly|largely} major chords", "major chords in the majority"),
        tags=("major chords", "mostly major chords"),
    ),
    ("chord colour", "minor"): Wording(
        clauses=(
            "minor chords {prevail|dominate|outweigh the others}", "most chords are minor",
            "the chords are {mostly|chiefly|largely} minor",
        ),
        nouns=("{mostly|chiefly|largely} minor chords", "minor chords in the majority"),
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

NOUNS = ("track", "piece", "recording", "number", "tune", "production")
"""What a whole recording is called."""
OPENINGS = ("", "", "", "this is ", "here is ", "what plays is ", "we hear ", "the recording is ")
AT_TEMPO = (
    "at <bpm> BPM", "at a tempo of <bpm> BPM", "running at <bpm> BPM", "{paced|timed} at <bpm> BPM",
    "moving at <bpm> BPM",
    "played at <bpm> BPM", "going at <bpm> BPM", "heard at <bpm> BPM",
)  # fmt: skip
IN_KEY = (
    "in <key>", "in the key of <key>", "{set|rooted|written|pitched} in <key>", "built around <key>",
    "that rests in <key>",
    "whose key is <key>", "that revolves around <key>", "with a tonal centre of <key>",
)  # fmt: skip
PLAYED = (
    "with <instruments>", "played on <instruments>", "featuring <instruments>", "{made|built} from <instruments>",
    "for <instruments>", "{carried|led|driven} by <instruments>", "that {combines|joins|brings together} <instruments>",
    "that uses <instruments>",
)  # fmt: skip
PLAYING = (
    "{carry|drive|make up|shape|form|fill}", "come together in", "meet in", "are {heard|joined|combined} in", "play",
)  # fmt: skip
ADDING = (
    "with <detail>",
    "marked by <detail>",
    "that has <detail>",
    "showing <detail>",
    "given <detail>",
    "of <detail>",
)
"""How noun phrases go on after the opening; the last one only where a noun of the track stands before it."""
