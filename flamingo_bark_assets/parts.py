"""The parts of a song: the mix and the kinds of stem, and what is asked about each of them.

Facts about a kind of stem belong here, from which all else derives; what is measured of it stands in
`analysis.kinds`, and how a file's name is taken apart in `library.stem_kinds`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

StemKind = Literal["drums", "bass", "vocals", "guitar", "piano", "harmonic"]
"""In the order in which they are listed everywhere."""
Part = Literal["mix", StemKind]
STEM_KINDS: tuple[StemKind, ...] = get_args(StemKind)
PARTS: tuple[Part, ...] = get_args(Part)

StemOrigin = Literal["given", "separated"]
"""Whether a stem came with the song, or was made from its mix by a separator."""

Question = Literal["caption", "description", "genre", "mood", "instruments"]
QUESTIONS: tuple[Question, ...] = get_args(Question)


@dataclass(frozen=True, kw_only=True, slots=True)
class KindFacts:
    """What is known of one kind of stem.

    Attributes:
        noun: what plays, as sentences and prompts list it.
        subject: the same as the subject of a sentence.
        plural: whether the subject takes a plural verb.
        measured: what is measured of it, as the asset graph tells it.
        instruments_question: what a captioning model is asked about its instruments.
        words: words of a file's name that say this kind, parted by spaces; in any script.
        weak_words: short or common ones, which say it only where the whole name is made of known words.
        pairs: two words that say it together, whatever each says for itself.
        instruments: the instruments that it holds, one text each: names parted by commas, the canonical one first.
        proves: canonical names that the sounding stem itself proves; of others it proves only that something of its
            kind sounds.
        harmony: "chords" where key and chords are read from it, "bass" where it is read along with those, "melody"
            where it is pitched and not read, "none" where it carries no key.
        part_of: the kind that holds its instruments in a song without a stem of this kind. A song lacks nothing
            where this stem is missing, nor the other one where this is there.
        holds_rest: whether it holds whatever has no stem of its own.
        speech_like: whether models that were trained on speech know such sounds.
        reads: kinds whose measurements help to measure it.
    """

    noun: str
    subject: str
    plural: bool
    measured: str
    instruments_question: str
    words: str
    weak_words: str = ""
    pairs: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    proves: frozenset[str] = frozenset()
    harmony: Literal["chords", "bass", "melody", "none"]
    part_of: StemKind | None = None
    holds_rest: bool = False
    speech_like: bool = False
    reads: tuple[StemKind, ...] = ()


KINDS: Mapping[StemKind, KindFacts] = {
    "drums": KindFacts(
        noun="drums", subject="the drums", plural=True, harmony="none",
        measured="hits by drum, pattern of the bar, syncopation, swing",
        instruments_question="which drums and percussion instruments are played?",
        words="drum drums drumkit drumset drumloop percussion percussions percussive perc percs kit beat beats kick "
        "kicks snare snares hihat hihats hats cymbal cymbals toms shaker shakers tambourine conga congas bongos cajon "
        "cowbell djembe tabla overhead overheads handclap handclaps schlagzeug perkussion bateria percusion batterie "
        "batteria ドラム 鼓 барабаны ударные",
        weak_words="oh ohs hh sd bd tom clap claps ride crash tops",
        pairs=("bass drum", "hi hat"),
        instruments=(
            "drums, drum, drum kit, drum kits, drum set, drumkit, drumset, drum machine, drum machines, drum beat, "
            "drum beats, drum loop, drum loops, drum track, drum pattern, drumming, double bass drumming, drumbeat, "
            "drumbeats, drummer, drummers",
            "percussion, percussions, percussionist",
            "kick, kicks, kick drum, kick drums, bass drum, bass drums, double kick, kickdrum, double bass drum, "
            "double bass drums, double bass pedal, double bass pedals",
            "snare, snares, snare drum, snare drums",
            "hi-hat, hi hat, hi hats, hihat, hihats, high hat, high hats, hats, cymbal, cymbals, ride cymbal, crash "
            "cymbal",
            "toms, tom toms, tom drums", "congas, conga", "bongos, bongo", "shaker, shakers, maracas",
            "tambourine, tambourines", "cowbell, cowbells", "tabla, tablas", "djembe, djembes",
            "claps, handclaps, hand claps, handclap, clapping hands", "timpani, kettledrum, kettledrums", "cajon",
            "woodblock, wood block, woodblocks", "triangle", "finger snaps, finger snap, finger snapping", "castanets",
            "gong, gongs", "taiko, taikos, taiko drum, taiko drums", "bodhran, bodhrán", "guiro, güiro", "timbales",
            "cabasa", "claves", "agogo, agogo bells", "surdo", "cuica", "dhol", "dholak", "mridangam",
            "darbuka, darbouka, doumbek", "rimshot, rimshots, rim shot", "bombo",
            "shekere", "udu", "frame drum, frame drums", "daf", "washboard", "talking drum, talking drums",
        ),
        proves=frozenset({"drums", "percussion"}),
    ),
    "bass": KindFacts(
        noun="bass", subject="the bass", plural=False, harmony="bass", reads=("drums",),
        measured="pitch, notes, sustain, its relation to the bass drum and to the chords",
        instruments_question="which kind of bass instrument is played?",
        words="bass basses bassline basslines bassguitar sub subs subbass contrabass bajo basse basso ベース 贝斯 бас",
        pairs=("bass guitar", "bass gtr", "bass synth", "bass keys", "synth bass", "string bass"),
        instruments=(
            "bass, bassline, basslines, bass line, bass lines, sub bass, subbass, wobble bass, slap bass, bassist, "
            "walking bass",
            "bass guitar, bass guitars, electric bass, e bass, fretless bass, bass guitarist",
            "double bass, upright bass, contrabass, string bass, acoustic bass",
            "synth bass, bass synth, moog bass, synthesizer bass, synthesized bass, mono synth bass",
            "808, 808s, 808 bass",
        ),
        proves=frozenset({"bass"}),
    ),
    "vocals": KindFacts(
        noun="vocals", subject="the vocals", plural=True, harmony="melody", speech_like=True,
        measured="activity, pitch, vibrato, formants, voice quality, never a guess at who sings",
        instruments_question="which kinds of voices are heard?",
        words="vocal vocals vox voxes voice voices leadvocal leadvocals leadvox backingvocal backingvocals backvocals "
        "bgv bgvs singing singer choir choirs acapella acappella cappella rap adlib adlibs narration stimme gesang "
        "stimmen chor voz voces voix chant voce voci ボーカル 人声 вокал голос",
        weak_words="voc vocs bv bvs harmony harmonies speech dialogue dialog",
    ),
    "guitar": KindFacts(
        noun="guitar", subject="the guitar", plural=False, harmony="chords", part_of="harmonic",
        measured="chords, harmonic rhythm, sustain, polyphony",
        instruments_question="which kinds of guitar are played?",
        words="guitar guitars gtr gtrs egtr agtr gitarre gitarren guitarra guitarras guitare guitares chitarra ギター "
        "吉他 гитара",
        pairs=("string guitar", "string gtr"),
        instruments=(
            "guitar, guitars, guitarist, guitarists, slide guitar, lead guitar, rhythm guitar",
            "electric guitar, electric guitars, e guitar, e guitars",
            "acoustic guitar, acoustic guitars, nylon guitar, nylon string guitar, classical guitar, "
            "steel string guitar",
        ),
        proves=frozenset({"guitar"}),
    ),
    "piano": KindFacts(
        noun="piano", subject="the piano", plural=False, harmony="chords", part_of="harmonic",
        measured="chords, harmonic rhythm, sustain, polyphony",
        instruments_question="which kind of piano is played?",
        words="piano pianos epiano pianoforte rhodes wurlitzer klavier ピアノ 钢琴",
        instruments=(
            "piano, pianos, pianist, grand piano",
            "electric piano, electric pianos, e piano, fender rhodes, rhodes, wurlitzer, rhodes electric piano, "
            "rhodes piano",
        ),
        proves=frozenset({"piano"}),
    ),
    "harmonic": KindFacts(
        noun="harmonic instruments", subject="the instruments", plural=True, harmony="chords", holds_rest=True,
        measured="chords, harmonic rhythm, sustain, polyphony",
        instruments_question="which melodic and harmonic instruments are played?",
        words="harmonic harmonics other others keys keyboard keyboards strings string synth synths synthesizer "
        "synthesizers synthesiser organ organs pad pads brass woodwind woodwinds chord chords melody melodies melodic "
        "accompaniment instrumental instrumentals violin violins viola violas cello cellos flute flutes sax saxophone "
        "saxophones trumpet trumpets trombone trombones clarinet oboe bassoon harp harpsichord accordion ukulele "
        "banjo mandolin marimba vibraphone arp arps arpeggio orchestra horns moog teclado teclados clavier claviers "
        "streicher 伴奏",
        weak_words="inst instr bells horn",
        # The last ones: what separators call everything but the voice.
        pairs=(
            "bass clarinet", "bass flute", "bass trombone", "steel drum", "steel drums",
            "no vocal", "no vocals", "no vox", "without vocals", "minus vocals",
        ),
        instruments=(
            "keyboard, keyboards, keys, keyboardist", "organ, organs, hammond, hammond organ",
            "synth, synths, synthesizer, synthesizers, synthesiser, synthesisers, synth pad, synth pads, pads, synth "
            "lead, synth leads, mono synth",
            "strings, string, string section, string quartet, string orchestra, string ensemble",
            "orchestra, orchestras",
            "violin, violins, fiddle, fiddles, violinist", "viola, violas", "cello, cellos, cellist", "harp, harps",
            "brass, brass section, horns, horn section, horn, french horn", "trumpet, trumpets, trumpeter",
            "trombone, trombones, bass trombone", "tuba, tubas",
            "saxophone, saxophones, sax, saxes, tenor saxophone, tenor sax, alto saxophone, alto sax, soprano "
            "saxophone, soprano sax, baritone saxophone, baritone sax, saxophonist",
            "flute, flutes, alto flute, bass flute, flutist", "clarinet, clarinets, bass clarinet", "oboe, oboes",
            "bassoon", "recorder", "harmonica", "accordion, accordions", "banjo, banjos", "mandolin, mandolins",
            "ukulele, ukuleles", "sitar", "lute", "kalimba", "marimba, marimbas", "xylophone", "vibraphone, vibes",
            "glockenspiel", "celesta", "harpsichord", "bells", "steel drums, steel drum, steelpan, steelpans, "
            "steeldrum, steeldrums", "theremin",
            "bagpipes, bagpipe, uilleann pipes", "melodica, melodicas", "concertina, concertinas",
            "bandoneon, bandoneons, bandoneón", "hurdy-gurdy", "dulcimer, hammered dulcimer, cimbalom", "zither",
            "autoharp", "lyre", "koto", "shamisen", "erhu", "guzheng", "pipa", "oud", "bouzouki", "balalaika",
            "charango", "cuatro", "kora", "ngoni", "balafon", "mbira, thumb piano", "saz", "qanun", "santoor, santur",
            "sarangi", "sarod", "veena", "tanpura, tambura", "harmonium, pump organ", "didgeridoo", "duduk", "ney",
            "shakuhachi", "bansuri", "pan flute, panpipes, pan pipes", "tin whistle, penny whistle",
            "whistle, whistling, whistles", "piccolo, piccolos", "english horn, cor anglais",
            "flugelhorn, flugelhorns", "cornet, cornets", "euphonium, euphoniums", "sousaphone", "bugle, bugles",
            "mellotron", "clavinet, clav", "music box", "tubular bells", "chimes, wind chimes",
            "turntables, turntable, scratching", "woodwinds, woodwind", "contrabassoon", "ocarina", "jaw harp",
            "kazoo", "gamelan", "handpan, hang drum", "singing bowls, singing bowl", "talk box, talkbox",
            "dobro, resonator guitar", "pedal steel, pedal steel guitar, lap steel, lap steel guitar",
        ),
    ),
}  # fmt: skip
if list(KINDS) != list(STEM_KINDS):
    raise TypeError(f"KINDS has the entries {', '.join(KINDS)}; StemKind has {', '.join(STEM_KINDS)}")

WHOLE_KINDS: tuple[StemKind, ...] = tuple(kind for kind in STEM_KINDS if KINDS[kind].part_of is None)
"""The kinds that add up to a whole mix: those that are part of another one are left out."""


def either(names: Iterable[str]) -> str:
    """List names as 'a, b or c'."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


ANY_KIND = either(STEM_KINDS)
ANY_PART = either(PARTS)


def kinds_within(kind: StemKind) -> tuple[StemKind, ...]:
    """Return a kind and those that are part of it."""
    return tuple(one for one in STEM_KINDS if kind in {one, KINDS[one].part_of})


def missing_kinds(given: Iterable[StemKind | None]) -> tuple[StemKind, ...]:
    """Name the kinds that a song lacks for a whole mix, of those of which it has files."""
    there = set(given)
    return tuple(kind for kind in WHOLE_KINDS if there.isdisjoint(kinds_within(kind)))
