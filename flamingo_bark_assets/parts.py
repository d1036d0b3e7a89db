"""The parts of a song: the mix and the kinds of stem, and what is asked about each of them.

Facts about a kind of stem belong here, from which all else derives; what is measured of it stands in
`analysis.kinds`, and how a file's name is taken apart in `library.stem_kinds`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, get_args

StemKind = Literal["drums", "bass", "vocals", "guitar", "piano", "harmonic", "instrumental"]
"""In the order in which they are listed everywhere."""
Part = Literal["mix", StemKind]
STEM_KINDS: tuple[StemKind, ...] = get_args(StemKind)
PARTS: tuple[Part, ...] = get_args(Part)

StemOrigin = Literal["given", "separated"]
"""Whether a stem came with the song, or was made from its mix by a separator."""

Question = Literal["caption", "description", "genre", "mood", "instruments"]
QUESTIONS: tuple[Question, ...] = get_args(Question)

_COMBINATION_SIZES = (2, 3)


@dataclass(frozen=True, kw_only=True, slots=True)
class KindFacts:
    """What is known of one kind of stem.

    Attributes:
        noun: what plays, as sentences and prompts list it.
        subject: the same as the subject of a sentence.
        plural: whether the subject takes a plural verb.
        alone: what a stem by itself is called, where "isolated" and the noun do not say it.
        measured: what is measured of it, as the asset graph tells it.
        instruments_question: what a captioning model is asked about its instruments.
        words: words of a file's name that say this kind, parted by spaces; in any script.
        weak_words: short or common ones, which say it only where the whole name is made of known words.
        pairs: two words that say it together, whatever each says for itself.
        instruments: the instruments that it holds, one text each: names parted by commas, the canonical one first;
            regular plurals go without saying.
        proves: canonical names that the sounding stem itself proves; of others it proves only that something of its
            kind sounds.
        harmony: "chords" where it plays those, from which key and chords are read unless it is a sum, "bass" where it
            is read along with them, "melody" where it is pitched and not read, "none" where it carries no key.
        part_of: the kind that holds its instruments in a song without a stem of this kind. A song lacks nothing
            where this stem is missing, nor the other one where this is there.
        holds_rest: whether it holds whatever has no stem of its own.
        sums: the kinds that such a file is the sum of; none for a kind that plays by itself. It stands for them where
            they have no files, and is never added to them.
        speech_like: whether models that were trained on speech know such sounds.
        reads: kinds whose measurements help to measure it.
    """

    noun: str
    subject: str
    plural: bool
    alone: str = ""
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
    sums: tuple[StemKind, ...] = ()
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
        "batteria perkusja percussao percussioni percussie slagwerk drumstel trommel trommeln trommels tambores bombo "
        "bumbo bebny werbel rullante charleston cymbales becken platillos rimshot ドラム ドラムス 打楽器 "
        "パーカッション キック スネア ハイハット シンバル 鼓 鼓组 鼓組 架子鼓 爵士鼓 打击乐 打擊樂 드럼 드럼스 타악기 "
        "퍼커션 барабаны барабан ударные перкуссия trummor slagverk trommer rummut lyomasoittimet bubny dobok davul "
        "vurmali ντραμς κρουστα תופים طبول กลอง",
        weak_words="oh ohs ohl ohr hh hhs hat sd bd bds sn snr rim tom clap claps snap snaps ride crash cym cyms "
        "bici trong tops kck kik kd ft rt drm drms dr dk prc tamb shkr cowbells caja caixa cassa piatti stopa stick "
        "sticks タム",
        pairs=(
            "bass drum", "hi hat", "grosse caisse", "caisse claire", "floor tom", "rack tom", "double bass drum",
            "kick sub", "sub kick",
        ),
        instruments=(
            "drums, drum, drum kit, drum set, drumkit, drumset, drum machine, drum beat, drum loop, drum track, "
            "drum pattern, drumming, double bass drumming, drumbeat, drummer, drumline, blast beat, amen break, "
            "brushes, "
            "tr 909, tr 909 kit, 909, tr 808, 808 drum machine",
            "percussion, percussionist, percussion instrument, percussive instrument, percussive element, "
            "percussive sound",
            "kick, kick drum, bass drum, double kick, kickdrum, double bass drum, double bass pedal",
            "snare, snare drum", "hi-hat, hi hat, hihat, high hat, hats, cymbal, ride cymbal, ride bell, crash cymbal",
            "toms, tom tom, tom drum, tom pattern, tom fill, tom roll, floor tom", "congas, conga", "bongos, bongo",
            "shaker, maraca", "tambourine", "cowbell", "tabla", "djembe",
            "claps, handclap, hand clap, clapping hands, clapping, palmas", "timpani, kettledrum", "cajon",
            "woodblock, wood block, temple block", "triangle",
            "finger snaps, finger snap, fingersnap, finger snapping, snaps, finger click", "castanets, castanet",
            "gong, tam tam", "taiko, taiko drum", "bodhran, bodhrán", "guiro, güiro", "guira",
            "timbales, timbale", "cabasa", "claves", "clapsticks, clapstick", "agogo, agogo bells", "surdo", "cuica",
            "dhol", "dholak", "mridangam", "darbuka, darbouka, doumbek", "rimshot, rim shot", "bombo", "shekere",
            "udu", "frame drum", "daf", "washboard", "talking drum", "hand drum, hand drums, hand percussion",
            "rainstick, rain stick", "sleigh bells, jingle bells", "tambora", "pandeiro", "bendir", "riq",
            "bata drum, batá drum", "caxixi", "vibraslap", "foot stomps, foot stomp, stomps, foot stomping",
            "tongue drum", "log drum", "ghatam", "pakhawaj", "ashiko", "atabaque", "chenda", "damaru",
            "dunun, dundun", "janggu", "kanjira", "kendang, kendhang", "khol", "kpanlogo", "madal", "naqara",
            "repinique", "rototoms, rototom", "sabar", "slit drum", "tabor", "tamborim", "tenor drum", "thavil",
            "tombak, tonbak, zarb", "tsuzumi", "finger cymbals, finger cymbal, zills", "crotales", "flexatone",
            "bell tree", "mark tree", "brake drum", "anvil", "thunder sheet", "ganza", "afoxe", "hosho",
            "sistrum", "ghungroo", "manjira", "spoons",
        ),
        proves=frozenset({"drums", "percussion"}),
    ),
    "bass": KindFacts(
        noun="bass", subject="the bass", plural=False, harmony="bass", reads=("drums",),
        measured="pitch, notes, sustain, its relation to the bass drum and to the chords",
        instruments_question="which kind of bass instrument is played?",
        words="bass basses bassline basslines bassguitar sub subs subbass contrabass bassgitarre kontrabass kontrabas "
        "contrebasse contrabajo contrabbasso contrabaixo contrabas basgitaar bajo basse basso baixo ベース "
        "コントラバス 贝斯 貝斯 贝司 低音 低音提琴 베이스 콘트라베이스 бас басгитара контрабас basgitarr bassgitarr "
        "elbas basova basszus basszusgitar μπασο בס เบส",
        weak_words="bs bss bas bassgtr bgtr",
        pairs=(
            "gitara basowa", "guitare basse", "chitarra basso", "guitarra baixo", "guitarra bajo", "бас гитара",
            "低音 吉他", "贝斯 吉他",
            "bass guitar", "bass gtr", "bass synth", "bass keys", "synth bass", "string bass", "moog bass", "bas gitar",
            "basova kytara",
        ),
        instruments=(
            "bass, bassline, bass line, sub bass, subbass, wobble bass, slap bass, bassist, walking bass, sub",
            "bass guitar, electric bass, e bass, fretless bass, bass guitarist",
            "double bass, double basses, upright bass, contrabass, string bass, acoustic bass",
            "synth bass, bass synth, moog bass, synthesizer bass, synthesized bass, mono synth bass", "808, 808 bass",
            "washtub bass",
        ),
        proves=frozenset({"bass"}),
    ),
    "vocals": KindFacts(
        noun="vocals", subject="the vocals", plural=True, harmony="melody", speech_like=True,
        measured="activity, pitch, vibrato, formants, voice quality, never a guess at who sings",
        instruments_question="which kinds of voices are heard?",
        words="vocal vocals vox voxes voice voices leadvocal leadvocals leadvox backingvocal backingvocals backvocals "
        "bgv bgvs singing singer choir choirs acapella acappella cappella rap adlib adlibs narration stimme gesang "
        "stimmen chor chore hauptgesang leadgesang hintergrundgesang voz vozes voces vocais voix chant choeur choeurs "
        "voce voci coro coros cori vocale vocali vocaux chanteur zang stemmen zangstem koor achtergrondzang wokal "
        "wokale glos glosy spiew chorki ボーカル ヴォーカル ボイス コーラス 歌 歌声 声 人声 人聲 男声 女声 主唱 和声 "
        "和聲 합창 보컬 목소리 노래 코러스 вокал голос голоса хор беквокал бэквокал пение korsang stamsang vokal "
        "vokaler vokali aani laulu laulut kuoro zpev zpevy sbor enek korus vokalist φωνη φωνητικα φωνες קול קולות "
        "שירה صوت غناء whisper whispers",
        weak_words="voc vocs bv bvs bvox lvox ldvox lv lvs lvoc bvoc bgs harmony harmonies harm harms speech dialogue "
        "dialog vo voiceover spoken narrator acap canto cantos speaker бэк бек sang kor",
        pairs=("ad lib", "ad libs", "spoken word"),
    ),
    "guitar": KindFacts(
        noun="guitar", subject="the guitar", plural=False, harmony="chords", part_of="harmonic",
        measured="chords, harmonic rhythm, sustain, polyphony",
        instruments_question="which kinds of guitar are played?",
        words="guitar guitars gtr gtrs egtr agtr gitarre gitarren guitarra guitarras guitare guitares chitarra "
        "chitarre gitaar gitaren gitara gitary egitarre violao ギター エレキギター アコギ エレキ 吉他 吉它 电吉他 "
        "木吉他 電吉他 일렉기타 통기타 гитара гитары электрогитара gitarr gitarrer guitarer kitara kytara kytary gitar "
        "κιθαρα גיטרה جيتار",
        weak_words="gt gtrl gtrr acgtr elgtr git gits",
        pairs=("string guitar", "string gtr"),
        instruments=(
            "guitar, guitarist, slide guitar, lead guitar, rhythm guitar",
            "electric guitar, e guitar, electric rhythm guitar, electric lead guitar, stratocaster, telecaster",
            "acoustic guitar, acoustic rhythm guitar, nylon guitar, nylon string guitar, classical guitar, steel "
            "string guitar, spanish "
            "guitar, flamenco guitar",
        ),
        proves=frozenset({"guitar"}),
    ),
    "piano": KindFacts(
        noun="piano", subject="the piano", plural=False, harmony="chords", part_of="harmonic",
        measured="chords, harmonic rhythm, sustain, polyphony",
        instruments_question="which kind of piano is played?",
        words="piano pianos epiano pianoforte rhodes wurlitzer klavier flugel pianino fortepian vleugel ピアノ 钢琴 "
        "鋼琴 피아노 пианино фортепиано рояль",
        weak_words="pno pnos ep wurli rhds",
        instruments=(
            "piano, pianist, grand piano, upright piano, fortepiano",
            "electric piano, e piano, fender rhodes, rhodes, wurlitzer, rhodes electric piano, rhodes piano",
        ),
        proves=frozenset({"piano"}),
    ),
    "harmonic": KindFacts(
        noun="harmonic instruments", subject="the instruments", plural=True, harmony="chords", holds_rest=True,
        measured="chords, harmonic rhythm, sustain, polyphony",
        instruments_question="which melodic and harmonic instruments are played?",
        words="harmonic harmonics other others keys keyboard keyboards strings string synth synths synthesizer "
        "synthesizers synthesiser organ organs pad pads brass woodwind woodwinds chord chords melody melodies melodic "
        "violin violins viola violas cello cellos flute flutes sax saxophone "
        "saxophones trumpet trumpets trombone trombones clarinet oboe bassoon harp harpsichord accordion ukulele "
        "banjo mandolin marimba vibraphone arp arps arpeggio orchestra horns moog teclado teclados clavier claviers "
        "streicher blaser cordes cuivres cuerdas cordas tastiera tastiere archi strijkers toetsen klawisze smyczki "
        "instrumentos instrumente instruments strumenti instrumenten instrumenty キーボード シンセ シンセサイザー "
        "ストリングス 鍵盤 その他 键盘 鍵盤樂器 合成器 弦乐 弦樂 其他 其它 其他乐器 기타 나머지 건반 키보드 신스 신디 "
        "스트링 другое прочее остальное клавишные клавиши струнные синтезатор синтезаторы синт",
        weak_words="instr bells horn hrn hrns kbd kbds kys syn syns strgs str org pluck plucks stab stabs rest reste "
        "resto restante autre autres otro otros otra otras altro altri outro outros andere sonstiges sonstige overig "
        "overige inne pozostale metales metais fiati ottoni blazers sopros instrument atmo atmos texture textures "
        "ovrigt ovriga muut diger ostatni egyeb sintetizador sintetizadores",
        pairs=("bass clarinet", "bass flute", "bass trombone", "steel drum", "steel drums"),
        instruments=(
            "keyboard, keys, keyboardist", "organ, hammond, hammond organ, church organ, pipe organ, organist",
            "synth, synthesizer, synthesiser, synth pad, pad, synth lead, mono synth, string synthesizer, saw lead, "
            "square lead, acid lead, supersaw, arpeggiator, moog",
            "strings, string, string section, string quartet, string orchestra, string ensemble", "orchestra",
            "violin, fiddle, violinist, fiddler", "viola, violist", "cello, cellist", "harp, harpist",
            "brass, brass section, horn section, horn, french horn", "trumpet, trumpeter",
            "trombone, bass trombone, trombonist", "tuba, wagner tuba",
            "saxophone, sax, saxes, tenor saxophone, tenor sax, alto saxophone, alto sax, soprano saxophone, "
            "soprano sax, baritone saxophone, baritone sax, saxophonist",
            "flute, alto flute, bass flute, flutist, bamboo flute, contrabass flute, flautist",
            "clarinet, bass clarinet, contrabass clarinet, clarinetist, clarinettist", "oboe, oboist",
            "bassoon, bassoonist", "recorder", "harmonica, mouth organ", "accordion, squeezebox, accordionist",
            "banjo", "mandolin", "mandola", "ukulele, uke", "sitar", "lute", "kalimba", "marimba", "xylophone",
            "vibraphone, vibes", "glockenspiel", "celesta, celeste", "harpsichord", "clavichord", "bells",
            "steel drums, steel drum, steelpan, steel pan, steeldrum", "theremin", "musical saw",
            "bagpipes, bagpipe, uilleann pipes", "melodica", "concertina", "melodeon", "bandoneon, bandoneón",
            "hurdy-gurdy", "dulcimer, hammered dulcimer, cimbalom, tsymbaly, tsimbl", "zither", "autoharp", "lyre",
            "koto", "shamisen", "erhu", "guzheng", "guqin", "pipa", "yangqin", "ruan", "gayageum, kayagum", "dizi",
            "xiao", "suona", "sheng", "hulusi", "biwa", "oud", "bouzouki", "balalaika", "charango", "cuatro",
            "cavaquinho", "guitarron, guitarrón", "vihuela", "requinto", "bajo sexto", "kora", "ngoni", "balafon",
            "berimbau", "mbira, thumb piano", "saz, baglama", "qanun, kanun", "santoor, santur", "setar",
            "kamancheh, kamancha", "rebab", "sarangi", "sarod", "veena", "esraj", "tumbi", "tanpura, tambura",
            "shehnai", "nyckelharpa", "viola da gamba, viol", "theorbo", "psaltery",
            "harmonium, pump organ, reed organ", "didgeridoo", "duduk", "ney", "zurna", "kaval", "shakuhachi",
            "bansuri", "pan flute, panpipes, pan pipes", "quena", "tin whistle, penny whistle",
            "whistle, whistling, whistled", "fife", "piccolo, piccolo flute", "english horn, cor anglais",
            "flugelhorn", "cornet", "euphonium", "sousaphone", "bugle", "alphorn", "mellotron", "clavinet, clav",
            "music box", "tubular bells", "chimes, wind chimes, windchimes",
            "turntables, turntable, scratching, scratches", "woodwinds, woodwind", "contrabassoon", "ocarina",
            "jaw harp, jew's harp, mouth harp", "kazoo", "gamelan", "angklung",
            "morin khuur, horsehead fiddle, horse head fiddle", "handpan, hang drum", "singing bowls, singing bowl",
            "talk box, talkbox", "keytar", "toy piano", "dobro, resonator guitar",
            "pedal steel, pedal steel guitar, lap steel, lap steel guitar, steel guitar", "baritone horn",
            "mellophone", "cimbasso", "conch, conch shell", "ophicleide", "posthorn, post horn", "sackbut", "shofar",
            "vuvuzela", "cornett", "ondes martenot", "virginals, virginal", "spinet", "bonang", "gangsa", "saron",
            "glass harmonica, glass armonica", "gyil", "handbells, handbell, hand bell", "hand chimes, hand chime",
            "kulintang", "likembe", "metallophone", "ranat", "carillon", "archlute", "bandola", "bandura",
            "bandurria", "banjolele", "barbat", "begena", "cittern", "dan bau", "dan tranh", "diddley bow", "domra",
            "dombra", "dutar", "ektara", "geomungo", "gusli", "jarana", "kantele", "kobza", "komuz", "langeleik",
            "mandocello", "musical bow", "sanshin", "sanxian", "timple", "tiple", "valiha", "xalam", "yueqin",
            "ajaeng", "arpeggione", "crwth", "gadulka", "gaohu", "haegeum", "igil", "kokyu", "lyra", "octobass",
            "rebec", "vielle", "violone", "zhonghu", "calliope", "danso", "flageolet", "fujara", "hichiriki",
            "ryuteki", "shinobue", "suling", "jug", "gaida", "pungi", "algaita", "basset horn", "bawu", "bombarde",
            "crumhorn", "dulcian", "guanzi", "heckelphone", "khaen, khene", "launeddas", "mizmar", "nadaswaram",
            "piri", "shawm", "tarogato", "shō", "xun",
        ),
    ),
    # What separators and karaoke call everything but the voice.
    "instrumental": KindFacts(
        noun="accompaniment", subject="the accompaniment", plural=False, alone="instrumental", harmony="chords",
        sums=("drums", "bass", "harmonic"),
        measured="the mix without its voice: chords, harmonic rhythm, sustain",
        instruments_question="which instruments are played?",
        words="instrumental instrumentals instrumentale instrumentales instrumentaux accompaniment accomp karaoke "
        "playback begleitung accompagnement acompanamiento acompanhamento accompagnamento begeleiding akompaniament "
        "strumentale instrumentaal podklad минус минусовка инструментал аккомпанемент 伴奏 カラオケ インスト "
        "インストゥルメンタル オフボーカル 纯伴奏 반주 인스트루멘탈 엠알",
        weak_words="inst insts music musik musica musique muzyka музыка muziek base mr tv 音楽 音乐 音樂 음악",
        pairs=(
            "no vocal", "no vocals", "no vox", "without vocals", "minus vocals", "off vocal", "off vocals", "minus one",
            "backing track", "backing tracks", "vocals removed", "sans voix", "ohne gesang", "sin voz", "senza voce",
            "sem voz", "без вокала", "bez wokalu", "zonder zang",
        ),
    ),
}  # fmt: skip

if list(KINDS) != list(STEM_KINDS):
    raise TypeError(f"KINDS has the entries {', '.join(KINDS)}; StemKind has {', '.join(STEM_KINDS)}")

SUM_KINDS: tuple[StemKind, ...] = tuple(kind for kind in STEM_KINDS if KINDS[kind].sums)
"""The kinds whose files are the sum of files of others."""
WHOLE_KINDS: tuple[StemKind, ...] = tuple(
    kind for kind in STEM_KINDS if KINDS[kind].part_of is None and kind not in SUM_KINDS
)
"""The kinds that add up to a whole mix: those that are part of another one, or the sum of others, are left out."""


def either(names: Iterable[str]) -> str:
    """List names as 'a, b or c'."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


ANY_KIND = either(STEM_KINDS)
ANY_PART = either(PARTS)


def kinds_within(kind: StemKind) -> tuple[StemKind, ...]:
    """Return a kind and those that are part of it."""
    return tuple(one for one in STEM_KINDS if kind in {one, KINDS[one].part_of})


def kinds_summed(kind: StemKind) -> tuple[StemKind, ...]:
    """Return the kinds of which a stem of a kind is the sum, those that are part of them too; none where it is none."""
    return tuple(one for summed in KINDS[kind].sums for one in kinds_within(summed))


def sums_of(kind: StemKind) -> tuple[StemKind, ...]:
    """Return the kinds that are a sum with one in it."""
    return tuple(one for one in SUM_KINDS if kind in kinds_summed(one))


def missing_kinds(given: Iterable[StemKind | None]) -> tuple[StemKind, ...]:
    """Name the kinds that a song lacks for a whole mix, of those of which it has files."""
    there = set(given)
    return tuple(kind for kind in WHOLE_KINDS if there.isdisjoint((*kinds_within(kind), *sums_of(kind))))


def added_up(kinds: Iterable[StemKind]) -> tuple[StemKind, ...]:
    """Leave out the kinds that stand in the sum of another one, so that nothing is added twice."""
    there = tuple(kinds)
    return tuple(kind for kind in there if set(there).isdisjoint(sums_of(kind)))


def combinations_of(kinds: Iterable[StemKind]) -> Iterator[tuple[StemKind, ...]]:
    """Give each pair and triple of kinds that adds nothing twice and is less than all that sounds."""
    there = tuple(kinds)
    everything = set(added_up(there))
    for size in _COMBINATION_SIZES:
        for some in combinations(there, size):
            if added_up(some) == some and not everything <= set(some):
                yield some
