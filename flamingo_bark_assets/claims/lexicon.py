"""The words that make claims and the words around them that decide whether they do.

Vocabulary belongs here; grammar and thresholds do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from flamingo_bark_assets.parts import StemKind


def words(text: str) -> frozenset[str]:
    """Split a list of words."""
    return frozenset(text.split())


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(phrase.strip() for phrase in text.split(","))


Drum = Literal["kick", "snare", "hi-hat"]

# Canonical name: kind of stem that carries it, and what it is called. What stands first is the canonical name.
_INSTRUMENTS: tuple[tuple[StemKind, str], ...] = (
    ("drums", "drums, drum, drum kit, drum kits, drum set, drumkit, drumset, drum machine, drum machines, drum beat, "
     "drum beats, drum loop, drum loops, drum track, drum pattern, drumming, double bass drumming, drumbeat, "
     "drumbeats, drummer, drummers"),
    ("drums", "percussion, percussions, percussionist"),
    ("drums", "kick, kicks, kick drum, kick drums, bass drum, bass drums, double kick, kickdrum, double bass drum, "
     "double bass drums, double bass pedal, double bass pedals"),
    ("drums", "snare, snares, snare drum, snare drums"),
    ("drums", "hi-hat, hi hat, hi hats, hihat, hihats, high hat, high hats, hats, cymbal, cymbals, ride cymbal, "
     "crash cymbal"),
    ("drums", "toms, tom toms, tom drums"),
    ("drums", "congas, conga"), ("drums", "bongos, bongo"), ("drums", "shaker, shakers, maracas"),
    ("drums", "tambourine, tambourines"), ("drums", "cowbell, cowbells"), ("drums", "tabla, tablas"),
    ("drums", "djembe, djembes"), ("drums", "claps, handclaps, hand claps, handclap"), ("drums", "timpani"),
    ("drums", "cajon"), ("drums", "woodblock, wood block"), ("drums", "triangle"),
    ("bass", "bass, bassline, basslines, bass line, bass lines, sub bass, subbass, wobble bass, slap bass, bassist, "
     "walking bass"),
    ("bass", "bass guitar, bass guitars, electric bass, fretless bass, bass guitarist"),
    ("bass", "double bass, upright bass, contrabass, string bass, acoustic bass"),
    ("bass", "synth bass, bass synth, synthesizer bass, synthesized bass, mono synth bass"),
    ("bass", "808, 808s, 808 bass"),
    ("harmonic", "guitar, guitars, guitarist, guitarists"),
    ("harmonic", "electric guitar, electric guitars"),
    ("harmonic", "acoustic guitar, acoustic guitars, nylon string guitar, classical guitar, steel string guitar"),
    ("harmonic", "piano, pianos, pianist, grand piano"),
    ("harmonic", "electric piano, electric pianos, rhodes, wurlitzer, rhodes electric piano, rhodes piano"),
    ("harmonic", "keyboard, keyboards, keys, keyboardist"), ("harmonic", "organ, organs, hammond, hammond organ"),
    ("harmonic", "synth, synths, synthesizer, synthesizers, synthesiser, synthesisers, synth pad, synth pads, pads, "
     "synth lead, synth leads, mono synth"),
    ("harmonic", "strings, string section, string quartet, string orchestra, string ensemble"),
    ("harmonic", "orchestra, orchestras"), ("harmonic", "violin, violins, fiddle, fiddles, violinist"),
    ("harmonic", "viola, violas"), ("harmonic", "cello, cellos, cellist"), ("harmonic", "harp, harps"),
    ("harmonic", "brass, brass section, horns, horn section, horn, french horn"),
    ("harmonic", "trumpet, trumpets, trumpeter"), ("harmonic", "trombone, trombones, bass trombone"),
    ("harmonic", "tuba, tubas"),
    ("harmonic", "saxophone, saxophones, sax, saxes, tenor saxophone, tenor sax, alto saxophone, alto sax, "
     "soprano saxophone, soprano sax, baritone saxophone, baritone sax, saxophonist"),
    ("harmonic", "flute, flutes, alto flute, bass flute, flutist"), ("harmonic", "clarinet, clarinets, bass clarinet"),
    ("harmonic", "oboe, oboes"), ("harmonic", "bassoon"), ("harmonic", "recorder"), ("harmonic", "harmonica"),
    ("harmonic", "accordion, accordions"), ("harmonic", "banjo, banjos"), ("harmonic", "mandolin, mandolins"),
    ("harmonic", "ukulele, ukuleles"), ("harmonic", "sitar"), ("harmonic", "lute"), ("harmonic", "kalimba"),
    ("harmonic", "marimba, marimbas"), ("harmonic", "xylophone"), ("harmonic", "vibraphone, vibes"),
    ("harmonic", "glockenspiel"), ("harmonic", "celesta"), ("harmonic", "harpsichord"), ("harmonic", "bells"),
    ("harmonic", "steel drums, steel drum, steelpan"), ("harmonic", "theremin"), ("harmonic", "bagpipes"),
)  # fmt: skip

INSTRUMENT_KIND: Mapping[str, StemKind] = {_phrases(names)[0]: kind for kind, names in _INSTRUMENTS}
INSTRUMENT_NAMES: Mapping[str, str] = {
    name.replace("-", " "): _phrases(names)[0] for _, names in _INSTRUMENTS for name in _phrases(names)
}
DRUMS: Mapping[str, Drum] = {"kick": "kick", "snare": "snare", "hi-hat": "hi-hat"}
# What the stem as a whole shows; of the others it shows only that something of their kind sounds.
GENERIC: frozenset[str] = frozenset({"drums", "percussion", "bass"})
LONGEST_PHRASE = 4

# A following word that makes a name of an instrument mean something else: 'bass singer', 'piano bar', 'guitar solo'
# stays a guitar.
NOT_BEFORE: Mapping[str, frozenset[str]] = {
    "bass": words(
        "singer singers voice vocals vocalist clef music boost boosted note frequencies frequency response "
        "management drop drops"
    ),
    "drum": words("n and music"),
    "drums": words("of n"),
    "kick": words("off in out back things start started"),
    "kicks": words("off in out back things"),
    "keys": words("to of"),
    "horn": words("of"),
    "strings": words("of attached"),
    "harp": words("on"),
    "harps": words("on"),
    "pads": words("out the its"),
    "piano": words("bar bars man key"),
    "guitar": words("hero shop string store"),
    "triangle": words("wave waves of"),
    "recorder": words("was is"),
    "drummer": words("joke jokes"),
    "brass": words("tacks"),
    "bells": words("and"),
}
NOT_AFTER: Mapping[str, frozenset[str]] = {
    "keys": words("in all different major minor two both several various many the"),
    "strings": words("guitar guitars nylon steel"),
    "vibes": words("good bad chill summer retro vintage 54 nostalgic dreamy positive laid back party"),
    "recorder": words("tape voice cassette field"),
    "kick": words("of"),
    "horn": words("cape car"),
    "organ": words("mouth"),
    "hats": words("their his her"),
    "bells": words("church wedding"),
}
COMPOUND_GENRES: frozenset[str] = words("pop wave step core funk punk folk rock metal hop house")
NOT_THE_THING: frozenset[str] = words("like esque ish style inspired")

VOICE_NOUNS: frozenset[str] = words(
    "vocals vocal vocalist vocalists vocalization vocalizations singer singers voice voices choir choirs rapper "
    "rappers falsetto crooner narrator lyrics crooning singing rapping chanting humming whispering beatboxing "
    "vocalizing"
)
VOICE_VERBS: frozenset[str] = words(
    "sing sings sang sung raps rapped croons hums whispers whispered narrates chants chanted"
)
VOICE_PHRASES: frozenset[str] = frozenset(
    {"a cappella", "a capella", "acapella", "acappella", "spoken word", "male voice choir"}
)
VOICE_TYPES: frozenset[str] = words("soprano mezzo alto contralto tenor baritone")
NOT_VOICE_AFTER: frozenset[str] = words("leading like over control chip")
GIVING_VOICE: frozenset[str] = words("give gives gave giving given lend lends lending")
SINGER_WORDS: Mapping[str, str] = {
    "male": "male", "man": "male", "men": "male", "he": "male", "his": "male", "guy": "male",
    "female": "female", "woman": "female", "women": "female", "she": "female", "her": "female", "lady": "female",
    "girl": "female", "boy": "child", "boys": "child", "child": "child", "children": "child", "kids": "child",
    "child's": "child",
}  # fmt: skip

GENRE_HEADS: frozenset[str] = words(
    "rock pop jazz blues metal punk folk house techno trance soul funk reggae disco hop edm rnb country waltz "
    "bossa salsa samba ambient electronica dubstep trap grunge gospel swing"
)
WHOLE_HEADS: frozenset[str] = words(
    "song songs track tracks piece music tune number ballad instrumental composition recording jam anthem banger "
    "work arrangement remix version lullaby hymn performance theme"
)
TEMPO_HEADS: frozenset[str] = words("tempo pace speed bpm paced")
RHYTHM_HEADS: frozenset[str] = words("beat groove rhythm pulse shuffle")
MIX_HEADS: frozenset[str] = words("mix master mixdown mastering production sonics")
SOUND_HEADS: frozenset[str] = words("sound audio recording")
INSTRUMENTAL_HEADS: frozenset[str] = words(
    "song songs track piece music tune number version composition recording ballad jam cover work mix remix "
    "hip rock jazz pop metal funk post electronic ambient folk beat backing"
)

PACE_WORDS: Mapping[str, str] = {
    "slow": "slow", "fast": "fast", "quick": "fast", "rapid": "fast", "moderate": "moderate", "medium": "moderate",
    "brisk": "fast", "driving": "driving", "mid": "moderate", "high": "fast", "low": "slow",
    "adagio": "slow", "largo": "slow", "lento": "slow", "andante": "moderate", "moderato": "moderate",
    "allegro": "fast", "presto": "fast", "vivace": "fast",
}  # fmt: skip
# Only straight before a word for tempo: "medium tempo", not "medium room".
TEMPO_ONLY: frozenset[str] = words(
    "moderate medium mid high low adagio largo lento andante moderato allegro presto vivace rapid"
)
PACE_COMPOUNDS: Mapping[str, str] = {
    "uptempo": "fast", "up tempo": "fast", "downtempo": "slow", "down tempo": "slow", "midtempo": "moderate",
    "mid tempo": "moderate", "fast paced": "fast", "slow paced": "slow", "slow tempo": "slow", "fast tempo": "fast",
    "high tempo": "fast", "low tempo": "slow", "medium paced": "moderate", "slow moving": "slow",
    "fast moving": "fast", "medium tempo": "moderate", "moderate tempo": "moderate", "medium fast": "medium fast",
    "medium slow": "medium slow",
}  # fmt: skip
# Nouns whose slowness is not that of the music.
NOT_PACE: frozenset[str] = words(
    "attack release decay fade build food car motion vibrato lfo arpeggio arpeggios run runs fingerpicking solo "
    "strumming picking licks riff riffs fills fill day dance train burning burn growing lane "
    "internet forward rise sweep delay tremolo strings"
)
INTENSIFIERS: frozenset[str] = words(
    "very quite rather fairly really extremely too so pretty somewhat relatively moderately slightly super "
    "incredibly surprisingly overall generally heavily highly well a bit little more most mostly extraordinarily "
    "not never neither nor either being at all exactly particularly that anything but nothing far from also "
    "clearly definitely always both just"
)
COPULAS: frozenset[str] = words(
    "is are was were be been being 's isn't aren't wasn't weren't feels feel sounds sound stays remains seems seem "
    "appears becomes keeps ain't gets get got getting turns grows"
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
    "underscores unfolds used uses was were will would "
)
