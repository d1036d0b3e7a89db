"""The words that make claims and the words around them that decide whether they do.

Vocabulary belongs here; grammar and thresholds do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from flamingo_bark_assets.claims.tokens import folded
from flamingo_bark_assets.parts import KINDS, StemKind


def words(text: str) -> frozenset[str]:
    """Split a list of words."""
    return frozenset(text.split())


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(phrase.strip() for phrase in text.split(","))


Drum = Literal["kick", "snare", "hi-hat"]

# By canonical name, which stands first of what an instrument is called: the kind of stem that carries it.
INSTRUMENT_KIND: Mapping[str, StemKind] = {
    _phrases(names)[0]: kind for kind, facts in KINDS.items() for names in facts.instruments
}
# By each form of its name, plurals included, the canonical one.
INSTRUMENT_NAMES: Mapping[str, str] = {
    folded(form.replace("-", " ")): _phrases(names)[0]
    for ending in ("s", "")
    for facts in KINDS.values()
    for names in facts.instruments
    for form in (name + ending for name in _phrases(names))
}
DRUMS: Mapping[str, Drum] = {"kick": "kick", "snare": "snare", "hi-hat": "hi-hat"}
# What the stem as a whole shows; of the others it shows only that something of their kind sounds.
GENERIC: frozenset[str] = frozenset().union(*(facts.proves for facts in KINDS.values()))
INSTRUMENT_WORDS: frozenset[str] = frozenset(word for name in INSTRUMENT_NAMES for word in name.split())
LONGEST_PHRASE = 4

# A following word that makes a name of an instrument mean something else: 'bass singer', 'piano bar', 'guitar solo'
# stays a guitar.
NOT_BEFORE: Mapping[str, frozenset[str]] = {
    "bass": words(
        "singer singers voice vocals vocalist clef music boost boosted note frequencies frequency response "
        "management drop drops register range"
    ),
    "drum": words("music"),
    "drums": words("of n"),
    "kick": words("off in out back things start started"),
    "kicks": words("off in out back things"),
    "keys": words("to of"),
    "horn": words("of"),
    "strings": words("of attached"),
    "string": words(
        "guitar guitars theory bass banjo of instruments instrument synth synths synthesizer synthesizers machine pad "
        "pads"
    ),
    "harp": words("on"),
    "harps": words("on"),
    "pad": words("out"),
    "pads": words("out the its"),
    "piano": words("bar bars man key"),
    "guitar": words("hero shop string store"),
    "triangle": words("wave waves of"),
    "recorder": words("was is"),
    "drummer": words("joke jokes"),
    "brass": words("tacks"),
    "bells": words("of"),
    "organ": words("bass"),
    "whistles": words("a an the its"),
    "brushes": words("off past against up aside with"),
    "stomps": words("along on forward through around"),
    "sub": words("genre genres text mix mixes bus"),
}
NOT_AFTER: Mapping[str, frozenset[str]] = {
    "keys": words("in all different major minor two both several various many the"),
    "strings": words("guitar guitars nylon steel"),
    "string": words("guitar nylon steel six seven twelve 6 7 8 12 g e first"),
    "vibes": words("good bad chill summer retro vintage 54 nostalgic dreamy positive laid back party"),
    "recorder": words("tape voice cassette field"),
    "kick": words("of"),
    "horn": words("cape car"),
    "organ": words("mouth"),
    "hats": words("their his her"),
    "bells": words("church wedding"),
    "snaps": words("snare it drum that which"),
}
COMPOUND_GENRES: frozenset[str] = words("pop wave step core funk punk folk rock metal hop house")
NOT_THE_THING: frozenset[str] = words("like esque ish style inspired compatible")

VOICE_NOUNS: frozenset[str] = words(
    "vocals vocal vocalist vocalists vocalization vocalizations singer singers voice voices choir choirs rapper "
    "rappers falsetto crooner narrator lyrics crooning singing rapping chanting humming whispering beatboxing "
    "vocalizing vox duet duets lyric lyrically vocalisation vocalisations vocalise vocalising vocally "
    "yodeling yodelling scatting toasting ad-libs adlibs narration choral chorister mc crooners soloists beatboxer "
    "spoken announcer countertenor chant voiceover oohs aahs ahs"
)
VOICE_VERBS: frozenset[str] = words(
    "sing sings sang sung raps rapped croons hums whispers whispered narrates chants chanted yodels scats vocalises"
)
# Of a voice where a person does it: 'a woman speaks', 'somebody mumbling'.
VOICE_ACTS: frozenset[str] = words(
    "speak speaks speaking talk talks talking shout shouts shouting scream screams screaming mumbles mumbling murmurs "
    "murmuring declaims declaimed recites recited reciting shouted screamed yells yelling whispering "
    "harmonise harmonises harmonising harmonize harmonizes harmonizing"
)
VOICE_PHRASES: frozenset[str] = frozenset(
    _phrases(
        "a cappella, a capella, acapella, acappella, backing harmonies, doo wop harmonies, gang shouts, girl group, "
        "ad libs, the rap, lyrical theme, lyrical themes, lyrical content, lyrical subject, rap verse, rap verses, "
        "rap flow, rap delivery, rap part"
    )
)
VOICE_TYPES: frozenset[str] = words("soprano mezzo alto contralto tenor baritone")
NOT_VOICE_AFTER: frozenset[str] = words("leading control chip")
# Sounds that are only called after a voice: 'choir pads'.
NOT_VOICES: frozenset[str] = words("pad pads synth synths patch patches")
GIVING_VOICE: frozenset[str] = words("give gives gave giving given lend lends lending")
SINGER_WORDS: Mapping[str, str] = {
    "he": "male", "his": "male", "she": "female", "her": "female",
    **dict.fromkeys(words("male males man men guy guys frontman fella bloke dude gentleman lad"), "male"),
    **dict.fromkeys(words("female females woman women lady ladies girl girls gal"), "female"),
    **dict.fromkeys(words("boy boys child children kid kids child's"), "child"),
}  # fmt: skip

# Nouns that are a voice's when they are his or hers.
VOICE_POSSESSIONS: frozenset[str] = words(
    "delivery phrasing timbre performance tone diction register range flow verses melisma melismas vibrato vowels "
    "consonants enunciation articulation"
)

GENRE_HEADS: frozenset[str] = words(
    "rock pop jazz blues metal punk folk house techno trance soul funk reggae disco hop edm rnb country waltz "
    "bossa salsa samba ambient electronica dubstep trap grunge gospel swing r polka tango cumbia march jig reel "
    "hornpipe mazurka minuet bolero rumba mambo merengue bachata flamenco bluegrass ska afrobeat reggaeton synthwave"
)
WHOLE_HEADS: frozenset[str] = words(
    "song songs track tracks piece music tune number ballad instrumental composition recording jam anthem banger "
    "work arrangement remix version lullaby hymn performance theme thing"
)
TEMPO_HEADS: frozenset[str] = words("tempo pace speed bpm paced tempos")
RHYTHM_HEADS: frozenset[str] = words("beat groove rhythm pulse shuffle")
MIX_HEADS: frozenset[str] = words("mix master mixdown mastering production sonics")
SOUND_HEADS: frozenset[str] = words("sound audio recording")
INSTRUMENTAL_HEADS: frozenset[str] = words(
    "song songs track piece music tune number version composition recording ballad jam cover work mix remix "
    "hip post electronic beat"
)

PACE_WORDS: Mapping[str, str] = {
    "slow": "slow", "fast": "fast", "quick": "fast", "rapid": "fast", "moderate": "moderate", "medium": "moderate",
    "brisk": "fast", "driving": "driving", "mid": "moderate", "high": "fast", "low": "slow", "breakneck": "fast",
    "speedy": "fast", "swift": "fast", "sluggish": "slow", "slowish": "slow",
}  # fmt: skip
# Only straight before a word for tempo: "medium tempo", not "medium room".
TEMPO_ONLY: frozenset[str] = words("medium mid high low rapid")
PACE_COMPOUNDS: Mapping[str, str] = {
    "uptempo": "fast", "up tempo": "fast", "downtempo": "slow", "down tempo": "slow", "midtempo": "moderate",
    "mid tempo": "moderate", "fast paced": "fast", "slow paced": "slow", "medium paced": "moderate",
    "moderately paced": "moderate", "slow moving": "slow", "fast moving": "fast", "lively tempo": "fast",
    "lively pace": "fast", "medium fast": "medium fast", "medium slow": "medium slow",
}  # fmt: skip
# Marks on scores and metronomes name a tempo wherever they stand.
TEMPO_NAMES: Mapping[str, str] = {
    **dict.fromkeys(("adagio", "adagietto", "largo", "larghetto", "larghissimo", "lento"), "slow"),
    **dict.fromkeys(("andante", "andantino", "moderato"), "moderate"), "allegretto": "medium fast",
    **dict.fromkeys(("allegro", "presto", "prestissimo", "vivace", "vivacissimo"), "fast"),
}  # fmt: skip
# Nouns whose slowness is not that of the music.
NOT_PACE: frozenset[str] = words(
    "attack release decay fade build food car motion vibrato lfo arpeggio arpeggios run runs fingerpicking solo "
    "strumming picking licks riff riffs fills fill day dance train burning burn growing lane "
    "internet forward rise sweep delay tremolo strings"
)
DEGREES: frozenset[str] = words(
    "very quite rather fairly really extremely too so pretty somewhat relatively moderately slightly super incredibly "
    "not heavily highly overly surprisingly particularly"
)
INTENSIFIERS: frozenset[str] = DEGREES | words(
    "overall generally well a bit little more most mostly extraordinarily never neither nor either being at all "
    "exactly anything but nothing far from also clearly definitely always both just"
)
COPULAS: frozenset[str] = words(
    "is are was were be been being 's isn't aren't wasn't weren't feels feel sounds sound stays remains seems seem "
    "appears becomes keeps holds ain't gets get got getting turns grows"
)
DETERMINERS: frozenset[str] = words("a an the this that these those its his her their some any no one another each")
PREPOSITIONS: frozenset[str] = words(
    "with without at in on over under by from of for to into through between behind beneath above alongside "
    "featuring including during around across against via plus while after before until about amid per as like"
)
FINITE_VERBS: frozenset[str] = words(
    "'s accompanies accompany add adds anchor anchors are aren't begin begins blends boast boasts bounces bring "
    "brings builds can carries carry closes combine combines come comes complement complements consists contain "
    "contains contrast contrasts could create creates deliver delivers did do does doesn't dominate dominates don't "
    "doubles drags drift drifts drive drives ends enter enters evoke evokes evolves explodes feature features feels "
    "fills float floats follow follows give gives go goes growls had has have include includes invites is isn't "
    "join joins keep keeps lack lacks leads let lets locks maintain maintains make makes mentions moves offer "
    "offers opens paints pairs perform performs play plays provide provided provides raps rattles remain remains "
    "ring rings run runs seem seems set sets showcase showcases shows sing sings sit sits slam slams sounds starts "
    "stay stays strips suggest suggests support supports swells swings swirl swirls take takes trades underpins "
    "underscores unfolds used uses was were will would"
)
# Words that no noun phrase goes on over.
PHRASE_BORDERS: frozenset[str] = DETERMINERS | PREPOSITIONS | FINITE_VERBS
