"""What may be said of a stem, by topic and value: the documented lists of synonyms and sentence shapes.

Words belong here, whose claims `tests.test_prompt_grammar` checks one by one; when they hold is decided in `facts`.
``<the>`` is the part as a subject ('the bass'), ``<s>`` and ``<es>`` endings of its verb, ``<is>`` 'is' or 'are',
``<its>`` 'its' or 'their', ``<notes>`` 'hits' of drums. Tone is told by other words than of the mix, as a text about
several stems is checked against the mix. No tag ends in a word for how deep or high something lies: the voice may be
the next.
"""

from __future__ import annotations

from collections.abc import Mapping

from flamingo_bark_assets.prompts.grammar import Wording

STEMS: Mapping[tuple[str, str], Wording] = {
    ("drum kit", "known"): Wording(
        clauses=(
            "<pieces> {are heard|sound|are played} in <the>", "<the> {use|include|feature} <pieces>",
            "among <the> are <pieces>",
        ),
        nouns=("<pieces>",),
        tags=("<pieces>",),
    ),
    ("kick", "four on the floor"): Wording(
        clauses=(
            "the kick plays four on the floor", "the kick {marks|sounds on|lands on} every beat",
            "{each|every} beat {has|gets|brings} a kick", "the kick {goes|runs} straight through on all beats",
        ),
        nouns=("a four-on-the-floor kick", "a kick on every beat"),
        tags=("four-on-the-floor kick", "four on the floor", "kick on every beat"),
    ),
    ("snare", "backbeat"): Wording(
        clauses=(
            "the snare {falls|lands|sits} on the backbeat", "the snare {marks|answers on} beats two and four",
            "the backbeat {belongs to|comes from|is on} the snare",
        ),
        nouns=("a backbeat snare", "a snare on two and four"),
        tags=("backbeat snare", "snare on the backbeat"),
    ),
    ("hi-hat", "eighths"): Wording(
        clauses=("the hi-hat {plays|ticks in|keeps} eighths", "eighth notes {tick|run} on the hi-hat"),
        nouns=("eighths on the hi-hat", "hi-hat eighths"),
        tags=("hi-hat eighths", "eighth-note hi-hat"),
    ),
    ("hi-hat", "sixteenths"): Wording(
        clauses=("the hi-hat {plays|ticks in|keeps} sixteenths", "sixteenth notes {tick|run} on the hi-hat"),
        nouns=("sixteenths on the hi-hat", "hi-hat sixteenths"),
        tags=("hi-hat sixteenths", "sixteenth-note hi-hat"),
    ),
    ("hi-hat", "off-beats"): Wording(
        clauses=("the hi-hat {answers|plays|sounds} on the off-beats", "off-beats {belong to|go to} the hi-hat"),
        nouns=("an off-beat hi-hat", "a hi-hat on the off-beats"),
        tags=("off-beat hi-hat", "hi-hat on the off-beats"),
    ),
    ("drum syncopation", "none"): Wording(
        clauses=("<the> stay close to the beat", "accents of <the> fall on the beat"),
        nouns=("accents on the beat",),
        tags=("unsyncopated drums", "drums on the beat"),
    ),
    ("drum syncopation", "syncopated"): Wording(
        clauses=(
            "<the> are {heavily|strongly} syncopated", "accents of <the> {fall|land} between beats",
            "<the> {pull|play} against the beat",
        ),
        nouns=("{strongly|heavily} syncopated accents",),
        tags=("syncopated drums",),
    ),
    ("drum repetition", "looped"): Wording(
        clauses=(
            "<the> {repeat|loop|keep to} one pattern", "one bar of <the> {returns again and again|keeps coming back}",
        ),
        nouns=("one repeating drum pattern",),
        tags=("looping drum pattern", "repeated drum pattern"),
    ),
    ("drum repetition", "varied"): Wording(
        clauses=("<the> {vary|keep varying|often change} their pattern", "bars of <the> differ from one another"),
        nouns=("an ever-changing drum pattern",),
        tags=("varied drum pattern", "changing drum pattern"),
    ),
    ("drum timing", "tight"): Wording(
        clauses=(
            "<the> sit {tightly|exactly} on the grid", "hits of <the> are {precisely|exactly} placed",
            "<the> are exact in timing",
        ),
        nouns=("{precisely|exactly} placed hits",),
        tags=("tight drum timing", "tightly timed drums"),
    ),
    ("drum timing", "loose"): Wording(
        clauses=(
            "<the> are {loosely|freely} timed", "hits of <the> stray a little from the grid",
            "<the> have a human looseness",
        ),
        nouns=("loosely timed hits",),
        tags=("loose drum timing",),
    ),
    ("ghost notes", "many"): Wording(
        clauses=("ghost notes {fill|colour|surround} the snare part", "the snare {adds|has} many ghost notes"),
        nouns=("ghost notes on the snare", "many ghosted snare hits"),
        tags=("ghost notes", "ghosted snare"),
    ),
    ("density", "sparse"): Wording(
        clauses=(
            "<the> use<s> {few <notes>|<notes> sparingly}", "<the> leave<s> {space|room|long gaps}",
            "<notes> of <the> are {few|well spaced}",
        ),
        tags=("sparse <noun>",),
    ),
    ("density", "moderate"): Wording(
        clauses=(
            "<notes> of <the> come at {medium|moderate} density",
            "<the> {bring<s>|add<s>|use<s>} a {fair|reasonable} number of <notes>",
        ),
        tags=("<noun> of medium density",),
    ),
    ("density", "busy"): Wording(
        clauses=(
            "<the> {bring<s>|add<s>} many <notes>", "<the> <is> {busy|packed with <notes>}",
            "<notes> of <the> follow closely",
        ),
        tags=("busy <noun>",),
    ),
    ("presence", "small part"): Wording(
        clauses=("<the> sound<s> only now and then", "<the> {appear<s>|play<s>} rarely", "<the> <is> mostly silent"),
        tags=("occasional <noun>",),
    ),
    ("presence", "parts"): Wording(
        clauses=(
            "<the> {come<s> and go<es>|sound<s> in places}", "<the> fill<s> less than half of the time",
            "<the> pause<s> for long stretches",
        ),
        tags=("intermittent <noun>",),
    ),
    ("presence", "most"): Wording(
        clauses=(
            "<the> sound<s> most of the time", "<the> {fill<s>|cover<s>} more than half of the time",
            "<the> leave<s> some gaps",
        ),
        tags=("<noun> most of the time",),
    ),
    ("presence", "throughout"): Wording(
        clauses=(
            "<the> {sound<s>|run<s>|go<es> on} {throughout|all the time|from end to end}",
            "<the> {fill<s>|cover<s>} the whole time",
        ),
        tags=("<noun> throughout", "continuous <noun>"),
    ),
    ("tone", "mellow"): Wording(
        clauses=("<the> <is> mellow", "<the> sound<s> {mellow|rounded|muted}", "<the> <has> a {mellow|rounded} colour"),
        tags=("mellow <noun>", "rounded <noun>"),
    ),
    ("tone", "crisp"): Wording(
        clauses=(
            "<the> <is> crisp", "<the> sound<s> {crisp|brilliant|sharp-edged}",
            "<the> <has> a {crisp|brilliant} colour",
        ),
        tags=("crisp <noun>", "brilliant <noun>"),
    ),
    ("bass register", "sub"): Wording(
        clauses=(
            "<the> {plays|moves|lies} in the lowest octave", "<the> reaches the {lowest|deepest} notes",
        ),
        tags=("very deep-sounding <noun>", "<noun> in the lowest octave"),
    ),
    ("bass register", "low"): Wording(
        clauses=("<the> {plays|moves|lies} deep", "notes of <the> lie deep"),
        tags=("deep-sounding <noun>", "low-register <noun>"),
    ),
    ("bass register", "middle"): Wording(
        clauses=("<the> {plays|moves|lies} in the middle octaves", "<the> keeps off the deepest notes"),
        tags=("<noun> in the middle octaves",),
    ),
    ("bass register", "high"): Wording(
        clauses=("<the> {plays|moves|lies} {high up|in its upper octaves}", "<the> {climbs|reaches} unusually high"),
        tags=("high-register <noun>",),
    ),
    ("bass notes", "short"): Wording(
        clauses=(
            "<the> {plays|uses} short notes", "notes of <the> are {short|clipped|cut short}",
            "<the> {plays|sounds} its notes briefly",
        ),
        tags=("short <noun> notes", "clipped <noun> notes"),
    ),
    ("bass notes", "medium-length"): Wording(
        clauses=("<the> plays notes of medium length", "notes of <the> last moderately long"),
        tags=("medium-length <noun> notes",),
    ),
    ("bass notes", "long"): Wording(
        clauses=("<the> {holds|draws out|sustains} its notes", "notes of <the> are {long|held|drawn out}"),
        tags=("long <noun> notes", "sustained <noun>"),
    ),
    ("bass articulation", "legato"): Wording(
        clauses=("<the> {joins|connects|ties} its notes", "<the> plays legato", "one note of <the> runs into the next"),
        tags=("legato <noun>",),
    ),
    ("bass articulation", "staccato"): Wording(
        clauses=("<the> {separates|detaches} its notes", "<the> plays staccato", "gaps part the notes of <the>"),
        tags=("staccato <noun>",),
    ),
    ("bass and kick", "locked"): Wording(
        clauses=(
            "<the> {locks|moves|lands} together with the kick", "bass and kick {strike|land|fall} together",
            "notes of <the> begin with the kick",
        ),
        tags=("<noun> locked to the kick",),
    ),
    ("bass and chords", "roots"): Wording(
        clauses=(
            "<the> {keeps|holds|stays close} to the roots of the chords",
            "<the> {plays|outlines} {mostly|mainly|chiefly} chord roots",
        ),
        tags=("root notes in the <noun>",),
    ),
    ("vocal register", "low"): Wording(
        clauses=("<the> {lie|stay|move} {deep|in a deep register}", "<the> keep to a deep range"),
        tags=("deep <noun>",),
    ),
    ("vocal register", "middle"): Wording(
        clauses=("<the> {lie|stay|move} in a middle register", "<the> keep to a comfortable middle range"),
        tags=("<noun> in a middle register",),
    ),
    ("vocal register", "high"): Wording(
        clauses=("<the> {lie|stay|move} {far up|in an upper register}", "<the> keep to an upper range"),
        tags=("<noun> in an upper register",),
    ),
    ("vocal register", "very high"): Wording(
        clauses=("<the> {lie|stay|move} {very far up|near the top}", "<the> reach the topmost range"),
        tags=("<noun> in the topmost register",),
    ),
    ("vocal range", "narrow"): Wording(
        clauses=(
            "<the> {use|cover|span} {few notes|a narrow range}",
            "the {melody|line} of <the> moves within a small span",
        ),
        tags=("narrow range in the <noun>",),
    ),
    ("vocal range", "wide"): Wording(
        clauses=("<the> {cover|span|use} a {wide|broad} range", "the {melody|line} of <the> moves over a large span"),
        tags=("wide range in the <noun>",),
    ),
    ("sustain", "short"): Wording(
        clauses=(
            "<the> {play<s>|use<s>} {mostly|mainly|chiefly} short sounds", "sounds of <the> {stop|die away} soon",
        ),
        tags=("short sounds in the <noun>",),
    ),
    ("sustain", "mixed"): Wording(
        clauses=("<the> {mix<es>|combine<s>} short and sustained sounds", "short and held notes alternate in <the>"),
        tags=("short and sustained sounds in the <noun>",),
    ),
    ("sustain", "long"): Wording(
        clauses=(
            "<the> {play<s>|use<s>} {mostly|mainly|chiefly} {sustained|long-held} sounds",
            "<the> {hold<s>|sustain<s>} {<its> sounds|sounds} for long",
        ),
        tags=("sustained <noun>",),
    ),
    ("stem harmony", "slow"): Wording(
        clauses=(
            "chords of <the> change {slowly|seldom}", "<the> stay<s> long on each chord",
            "<the> linger<s> on <its> chords",
        ),
        tags=("slowly changing chords in the <noun>",),
    ),
    ("stem harmony", "quick"): Wording(
        clauses=("chords of <the> change {quickly|often}", "<the> move<s> on soon from each chord"),
        tags=("quickly changing chords in the <noun>",),
    ),
    ("main chords", "known"): Wording(
        clauses=(
            "the {main|leading} chords of <the> are <chords>",
            "<the> {play<s>|use<s>} {mainly|mostly|chiefly} the chords <chords>",
            "chords of <the> are {mainly|mostly|chiefly} <chords>",
        ),
        tags=(),
    ),
    ("sevenths", "many"): Wording(
        clauses=("seventh chords {abound|prevail} in <the>", "<the> {add<s>|use<s>} many sevenths"),
        tags=("sevenths in the <noun>",),
    ),
}  # fmt: skip

ISOLATED = (
    "{isolated|solo|bare} <kinds>", "<kinds> {alone|heard alone|on <their> own}", "{only|just|purely} <kinds>",
    "an isolated take of <kinds>",
)  # fmt: skip
SEPARATED = ("{separated|extracted} <kinds>", "{a separated|an extracted} {track|part} of <kinds>")
"""In place of `ISOLATED` for what a separator made: some of the rest bleeds into it, so it is not alone."""
BY_NAME = ("{the|only the|just the} <alone>", "the <alone> {version|track|part}")
SEPARATED_BY_NAME = ("the {separated|extracted} <alone>", "{a separated|an extracted} <alone>")
"""In place of both for a stem that has a name by itself, as an instrumental; <alone> is that name."""
OF = ("of <whole>", "of <whole>", "from <whole>", "taken from <whole>")
"""In place of `TAKEN` for such a stem."""
TAKEN = (
    "from <whole>",
    "taken from <whole>",
    "out of <whole>",
    "cut from <whole>",
    "lifted from <whole>",
    "belonging to <whole>",
)
"""What isolated stems belong to; both lists make the opening of a text about stems."""
