"""Sentences about music with the claims that are in them, as people and captioning models write.

Sentences and expected claims belong here; tests and figures do not. A claim is written `kind value`, with `not`
before it where the sentence denies it. `HELD_OUT` was written before the parser,
`HELD_OUT_LATER` against the finished one but before it was run on any of it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence.

    Attributes:
        text: the sentence.
        claims: what it claims, each as `kind value` or `not kind value`.
        is_trap: whether it was written to trip the parser.
        held_out: whether it was written before the parser was run on it.
        is_missed: whether the parser is known to get it wrong.
    """

    text: str
    claims: frozenset[str]
    is_trap: bool = False
    held_out: bool = False
    is_missed: bool = False


def _plain(text: str, *claims: str) -> Sentence:
    return Sentence(text, frozenset(claims))


def _trap(text: str, *claims: str) -> Sentence:
    return Sentence(text, frozenset(claims), is_trap=True)


def _held(text: str, *claims: str) -> Sentence:
    return Sentence(text, frozenset(claims), held_out=True)


def _held_trap(text: str, *claims: str) -> Sentence:
    return Sentence(text, frozenset(claims), is_trap=True, held_out=True)


def _held_miss(text: str, *claims: str) -> Sentence:
    return Sentence(text, frozenset(claims), is_trap=True, held_out=True, is_missed=True)


VOICE = "vocals vocals"
NO_VOICE = "not vocals vocals"
FOUR = "kick_pattern four on the floor"

PLAIN: tuple[Sentence, ...] = (
    _plain("A slow piano ballad in D minor at 68 BPM.", "pace slow", "instrument piano", "key D minor", "tempo 68"),
    _plain(
        "This track is an energetic house tune with a four-on-the-floor kick, running at 124 BPM in 4/4 time.",
        FOUR, "instrument kick", "tempo 124", "metre 4/4",
    ),
    _plain(
        "The song has a fast tempo and features electric guitars, bass, and drums.",
        "pace fast", "instrument electric guitar", "instrument bass", "instrument drums",
    ),
    _plain(
        "the low quality recording features a ballad song that contains sustained strings, mellow piano melody and "
        "soft female vocal singing over it.",
        "fidelity lo-fi", "instrument strings", "instrument piano", VOICE, "singer female",
    ),
    _plain("It sounds sad and soulful, like something you would hear at Sunday services."),
    _plain(
        "An instrumental track with acoustic guitar and soft percussion.",
        NO_VOICE, "instrument acoustic guitar", "instrument percussion",
    ),
    _plain("The tempo is around 120 beats per minute.", "tempo 120"),
    _plain("The key is F# minor and the time signature is 3/4.", "key F# minor", "metre 3/4"),
    _plain(
        "A male vocalist sings over a steady drum beat.",
        VOICE, "singer male", "instrument drums", "steadiness steady",
    ),
    _plain(
        "Mid-tempo rock song with distorted guitars, a driving bassline and raspy male vocals.",
        "pace moderate", "instrument guitar", "instrument bass", VOICE, "singer male",
    ),
    _plain("The music is in a minor key", "key minor"),
    _plain(
        "Upbeat pop song with a female singer, synthesizers and handclaps.",
        VOICE, "singer female", "instrument synth", "instrument claps",
    ),
    _plain("tempo: 96 bpm, key: A minor", "tempo 96", "key A minor"),
    _plain("BPM: 128. Key: Eb major. Meter: 4/4.", "tempo 128", "key Eb major", "metre 4/4"),
    _plain("A driving beat at roughly 140–145 BPM.", "pace driving", "tempo 140 to 145"),
    _plain("There are no vocals.", NO_VOICE),
    _plain("The mix is loud and heavily compressed.", "loudness loud", "dynamics compressed"),
    _plain("The recording is in mono and a bit noisy.", "stereo mono", "noise noisy"),
    _plain("The production is clean with a wide stereo image.", "stereo wide"),
    _plain("A dark, muffled sound with tape hiss.", "brightness dark", "noise noisy"),
    _plain(
        "A bright mix with crisp hi-hats and a punchy snare",
        "brightness bright", "instrument hi-hat", "instrument snare",
    ),
    _plain(
        "Downtempo electronic music with a deep sub bass, airy pads, and a slow groove.",
        "pace slow", "instrument bass", "instrument synth",
    ),
    _plain("A choir sings over an organ", VOICE, "instrument organ"),
    _plain(
        "He raps over a trap beat with 808s and rapid hi-hats.",
        VOICE, "singer male", "instrument 808", "instrument hi-hat",
    ),
    _plain(
        "A waltz-time folk song with accordion and fiddle.",
        "metre 3/4", "instrument accordion", "instrument violin",
    ),
    _plain("It is a fast-paced techno track at 135bpm", "pace fast", "tempo 135"),
    _plain(
        "A jazz trio of piano, double bass and drums plays at a relaxed tempo.",
        "instrument piano", "instrument double bass", "instrument drums",
    ),
    _plain(
        "The song is performed in the key of B flat major with a moderate tempo.", "key Bb major", "pace moderate"
    ),
    _plain(
        "A man and a woman sing a duet, accompanied by acoustic guitar.",
        VOICE, "singer male", "singer female", "instrument acoustic guitar",
    ),
    _plain("This lo-fi recording was made on an old tape machine.", "fidelity lo-fi"),
    _plain("High fidelity recording with a wide dynamic range.", "fidelity hi-fi", "dynamics dynamic"),
    _plain("The overall volume is quiet.", "loudness quiet"),
    _plain("A stereo recording of a string quartet.", "stereo stereo", "instrument strings"),
    _plain("6/8 time, 72 BPM, G major.", "metre 6/8", "tempo 72", "key G major"),
    _plain("Vocals: female, breathy.", VOICE, "singer female"),
    _plain(
        "Instruments: piano, violin, cello, timpani",
        "instrument piano", "instrument violin", "instrument cello", "instrument timpani",
    ),
    _plain(
        "a saxophone solo over walking bass and brushed drums",
        "instrument saxophone", "instrument bass", "instrument drums",
    ),
    _plain("The piece is purely instrumental and features a harp.", NO_VOICE, "instrument harp"),
    _plain("The tempo sits between 85 and 90 BPM.", "tempo 85 to 90"),
    _plain(
        "The beat is steady, and the bass guitar locks in with the kick drum.",
        "steadiness steady", "instrument bass guitar", "instrument kick",
    ),
    _plain("With its uptempo groove and brass section, it invites dancing", "pace fast", "instrument brass"),
    _plain("It is set in C-sharp minor at a tempo of 54.", "key C# minor", "tempo 54"),
    _plain("the track is a very slow ambient piece with no drums", "pace slow", "not instrument drums"),
    _plain("A baritone voice narrates over soft synth pads.", VOICE, "singer baritone", "instrument synth"),
    _plain("Quiet, sparse recording of a nylon-string guitar.", "loudness quiet", "instrument acoustic guitar"),
    _plain("A cappella performance by a female choir.", VOICE, "singer female"),
    _plain(
        "Medium tempo, 100 BPM, minor key, male vocals, drums, bass, guitar.",
        "pace moderate", "tempo 100", "key minor", VOICE, "singer male", "instrument drums", "instrument bass",
        "instrument guitar",
    ),
    _plain("It lacks percussion.", "not instrument percussion"),
    _plain("The song has a 12/8 shuffle feel", "metre 12/8", "swing swung"),
    _plain("It's in the key of G.", "key G"),
    _plain(
        "The rhythm section consists of congas, bongos and shakers.",
        "instrument congas", "instrument bongos", "instrument shaker",
    ),
    _plain("a Rhodes electric piano and muted trumpet", "instrument electric piano", "instrument trumpet"),
    _plain("The tempo is approx. 88 bpm.", "tempo 88"),
    _plain("There is a kick on every beat.", "instrument kick", FOUR),
    _plain("A bass-heavy dubstep track with wobble bass", "instrument bass"),
    _plain("The drummer plays fast double kick patterns", "instrument drums", "instrument kick"),
    _plain("The audio is monaural.", "stereo mono"),
    _plain("Two guitars are panned left and right.", "instrument guitar", "stereo stereo"),
    _plain("This is a moderately slow song in 3/4.", "pace slow", "metre 3/4"),
    _plain("Slow tempo.", "pace slow"),
    _plain("Tempo: fast", "pace fast"),
    _plain("The pace is fast and the mood is tense.", "pace fast"),
    _plain("The singer's voice is high-pitched.", VOICE, "register high"),
    _plain("Her vocals are layered over a synth bass.", VOICE, "singer female", "instrument synth bass"),
    _plain("It keeps common time.", "metre 4/4"),
    _plain("The sonata in A major is played softly.", "key A major"),
    _plain("It sounds compressed.", "dynamics compressed"),
    _plain("The bridge rolls along in five-four.", "metre 5/4"),
    _plain("A 3-4 waltz for two clarinets", "metre 3/4", "instrument clarinet"),
    _plain("It is counted in quadruple time.", "metre quadruple"),
    _plain("A carousel tune in three.", "metre triple"),
    _plain("The volume is low and the dynamics are wide.", "loudness quiet", "dynamics dynamic"),
    _plain("The tension builds and the overall tone is warm.", "course builds", "timbre warm"),
    _plain("Its speed can be described as slow.", "pace slow"),
    _plain("The speed is on the faster side.", "pace fast"),
    _plain("It is played quickly, at a swift tempo.", "pace fast"),
    _plain("The pulse is regular, the timing strict.", "steadiness steady"),
    _plain("The tambourine keeps strict time.", "instrument tambourine", "steadiness steady"),
    _plain("A viola solo in free time.", "instrument viola", "steadiness free"),
    _plain("The soundstage is enormous.", "stereo wide"),
    _plain("The sound field is wide.", "stereo wide"),
    _plain("The image of the recording is almost mono.", "stereo narrow"),
    _plain("The recording is hissy and mono.", "noise noisy", "stereo mono"),
    _plain("Surface noise and a vinyl crackle remain.", "noise noisy"),
    _plain("There is a hum in the left channel.", "noise noisy"),
    _plain("The recording has an excellent quality.", "fidelity hi-fi"),
    _plain("A demo of poor quality.", "fidelity lo-fi"),
    _plain("The tempo never shifts.", "not tempo_change changes"),
    _plain("The music grows a bit faster.", "tempo_change faster"),
    _plain("Heavy compression flattens it.", "dynamics compressed"),
    _plain("The sixteenth notes are straight.", "swing straight"),
    _plain("It lasts three and a half minutes.", "duration 210"),
    _plain("A woman recites a poem over a dizi.", VOICE, "singer female", "instrument dizi"),
    _plain("A male voice over harmonicas and glockenspiels.", VOICE, "singer male", "instrument harmonica",
           "instrument glockenspiel"),
    _plain("The aria is for mezzo-soprano and theorbo.", VOICE, "singer mezzo-soprano", "instrument theorbo"),
)  # fmt: skip

TRAPS: tuple[Sentence, ...] = (
    _trap("It is not fast at all.", "not pace fast"),
    _trap("Songs in the Key of Life is clearly an inspiration."),
    _trap("This song could have been written in the key of life."),
    _trap("It was recorded with 120 musicians."),
    _trap("Four on the floor all night long.", FOUR),
    _trap("This sounds like 90s hip hop."),
    _trap("The Beatles are a major influence here."),
    _trap("A major influence was the blues."),
    _trap("There are only minor details to complain about."),
    _trap("It was released as a B-side."),
    _trap("The intro lasts 24 bars."),
    _trap("A minor key change lifts the chorus.", "modulation changes"),
    _trap("A major label signed the band in 1994."),
    _trap("The band was instrumental in shaping the genre."),
    _trap("Drum and bass from the late nineties."),
    _trap("A drum & bass track at 174 BPM.", "tempo 174"),
    _trap("The guitar sounds like a saxophone.", "instrument guitar"),
    _trap("A synth imitating a flute plays the melody.", "instrument synth"),
    _trap("The beat kicks in after the intro."),
    _trap("The song kicks off with a piano.", "instrument piano"),
    _trap("No strings attached, just fun."),
    _trap("She plays the guitar without singing.", "instrument guitar", NO_VOICE),
    _trap("It has neither drums nor bass.", "not instrument drums", "not instrument bass"),
    _trap("Not only drums but also bass can be heard.", "instrument drums", "instrument bass"),
    _trap("Without drums, the piano carries the song.", "not instrument drums", "instrument piano"),
    _trap("No drums, just a piano and a voice.", "not instrument drums", "instrument piano", VOICE),
    _trap("The vocals are absent.", NO_VOICE),
    _trap("Drums are nowhere to be heard.", "not instrument drums"),
    _trap("There is no shortage of guitars.", "instrument guitar"),
    _trap("It is faster than most ballads."),
    _trap("A 24/7 party anthem"),
    _trap("About 3/4 of the song is silence."),
    _trap("On 4/8/2019 the band split."),
    _trap("The album sold 120,000 copies."),
    _trap("At 120 dB it hurts."),
    _trap("Recorded at 96 kHz and 24 bits"),
    _trap("It reached number 96 in the charts"),
    _trap("The singer is 27 years old", VOICE),
    _trap("The tempo isn't slow, but it isn't fast either.", "not pace slow", "not pace fast"),
    _trap("A slow fade-out ends the track", "course fades out"),
    _trap("A synth with a slow attack and a fast release.", "instrument synth"),
    _trap("Fast Car by Tracy Chapman comes to mind."),
    _trap("It reminds me of Piano Man."),
    _trap('The lyrics mention "slow drums" twice.', VOICE),
    _trap("It would be better with drums."),
    _trap("A bass singer leads the choir.", VOICE, "singer bass"),
    _trap("The bass drum is loud.", "instrument kick"),
    _trap("A tenor saxophone and a soprano sax trade solos", "instrument saxophone"),
    _trap("It has a dark mood."),
    _trap("A dark, brooding sound."),
    _trap("It is as slow as a snail."),
    _trap("A bright future lies ahead for this band."),
    _trap("Loud guitars and quiet vocals.", "instrument guitar", VOICE),
    _trap("The Mono Lake sessions."),
    _trap("It blares out of a car stereo."),
    _trap("A stereotypical pop tune."),
    _trap("White noise sweeps lead into the drop."),
    _trap("This noise rock trio uses distorted guitars.", "instrument guitar"),
    _trap("Lo-fi hip hop beats to study to."),
    _trap("A clean guitar tone with a touch of reverb", "instrument guitar"),
    _trap("A dark synth tone", "instrument synth"),
    _trap(
        "The chords are A minor, F major, C major and G major.",
        "chord A minor", "chord F major", "chord C major", "chord G major",
    ),
    _trap("It ends on a C major chord.", "chord C major"),
    _trap("He gave voice to a generation."),
    _trap("The guitar sings over the changes.", "instrument guitar"),
    _trap("There's hardly any percussion.", "not instrument percussion"),
    _trap("It's anything but slow.", "not pace slow"),
    _trap("Far from being loud, the mix is quiet.", "not loudness loud", "loudness quiet"),
    _trap("Not in D major but in B minor.", "not key D major", "key B minor"),
    _trap("It isn't in 4/4.", "not metre 4/4"),
    _trap("The drums are not fast", "instrument drums"),
    _trap("Guitar-like tones from a synth", "instrument synth"),
    _trap("Synth-pop with a hint of new wave."),
    _trap("Vocal-like lead sounds"),
    _trap("The strings of the guitar buzz", "instrument guitar"),
    _trap("She harps on the same three chords."),
    _trap("The organic textures pad out the mix."),
    _trap("These are the keys to the city."),
    _trap("In a way, it is a minor miracle."),
    _trap("It runs for 3 minutes at 320 kbps.", "duration 180"),
    _trap("The tempo changes from 90 to 120 BPM halfway through.", "tempo 90 to 120", "tempo_change changes"),
    _trap("The tempo is over 160 BPM.", "tempo over 160"),
    _trap("A 120-piece orchestra performs.", "instrument orchestra"),
    _trap("Instead of drums, there are handclaps.", "not instrument drums", "instrument claps"),
    _trap("Rather than a guitar, a banjo plays the riff.", "not instrument guitar", "instrument banjo"),
    _trap("It has a slow-burning intensity."),
    _trap("The fast-food jingle is catchy."),
    _trap("It's a slow day in the studio."),
    _trap("A driving rain is heard."),
    _trap("He was driving a car."),
    _trap("Drumless and beatless, it drifts.", "not instrument drums"),
    _trap("There is an instrumental break in the middle."),
    _trap("The instrumental accompaniment is sparse."),
    _trap("Instrumental version of the hit.", NO_VOICE),
    _trap("I would not call it fast.", "not pace fast"),
    _trap("No less than three guitars are playing.", "instrument guitar"),
    _trap("The vocals never come in.", NO_VOICE),
    _trap("He doesn't sing on this one.", NO_VOICE),
    _trap("No one sings.", NO_VOICE),
    _trap("If it had drums, it would be fast."),
    _trap("an 80s style snare", "instrument snare"),
    _trap("90s-inspired synths at 90 BPM", "instrument synth", "tempo 90"),
    _trap("Studio 54 vibes"),
    _trap("Symphony No. 5 in C minor", "key C minor"),
    _trap("Track no. 7 has drums.", "instrument drums"),
    _trap("A major third above the root."),
    _trap("The dynamic duo returns."),
    _trap("A compressed file of the song."),
    _trap("The compressed snare cracks.", "instrument snare"),
    _trap("What a waltz!"),
    _trap("They opened for the band Bass Drum of Death."),
    _trap("It's mono, not stereo.", "stereo mono", "not stereo stereo"),
    _trap("No doubt the drums are real.", "instrument drums"),
    _trap("The guitar is not distorted.", "instrument guitar"),
    _trap("Without a doubt, the bass is the star.", "instrument bass"),
    _trap("The kick is not loud.", "instrument kick"),
    _trap("There is a lot of brass, not to mention the saxophone.", "instrument brass", "instrument saxophone"),
    _trap("The song never slows down.", "not tempo_change slower"),
    _trap("I'm sorry, I can't tell the key."),
    _trap("It's neither slow nor fast.", "not pace slow", "not pace fast"),
    _trap(
        "There are no bass, drums or guitars.",
        "not instrument bass", "not instrument drums", "not instrument guitar",
    ),
    _trap("It has no drums but a strong bass line.", "not instrument drums", "instrument bass"),
    _trap("The piano, not the guitar, leads.", "instrument piano", "not instrument guitar"),
    _trap("60 seconds of drums", "instrument drums"),
    _trap("Route 66 blues"),
    _trap("It follows the tempo of modern life."),
    _trap("At 140 characters per line, the text is short."),
    _trap("The poem is declaimed by a man rather than sung.", VOICE, "singer male"),
    _trap("The oboe takes the role of the singer.", "instrument oboe"),
    _trap("The cello finds its own deep voice.", "instrument cello"),
    _trap("A choir pad and a string synthesizer swell.", "instrument synth"),
    _trap("A lyrical middle section for horn.", "instrument brass"),
    _trap("It has no discernible bass or vocals.", "not instrument bass", NO_VOICE),
    _trap("Hardly a drum is struck.", "not instrument drums"),
    _trap("Nobody raps here.", NO_VOICE),
    _trap("Nothing is sung.", NO_VOICE),
    _trap("She sings without falsetto.", VOICE, "singer female"),
    _trap("Vocals: n/a", NO_VOICE),
    _trap("Congas are strangely missing.", "not instrument congas"),
    _trap("The mix isn't loud and isn't compressed.", "not loudness loud", "not dynamics compressed"),
    _trap("**Vocals**\nThere are none."),
    _trap("She is missing a piano.", "not instrument piano"),
    _trap("The piece stays instrumental throughout.", NO_VOICE),
    _trap("The harp is in the middle of the stereo image, and the flutes are wide.", "instrument harp",
          "stereo stereo", "instrument flute"),
    _trap("It takes 3-4 minutes, after a 2-4 bar fill."),
    _trap("A crackling fire and a static pad.", "instrument synth"),
)  # fmt: skip

# Written before the parser, with its rules in mind. First run: precision 0.989, recall 0.989 over 89 claims.
HELD_OUT: tuple[Sentence, ...] = (
    _held_trap(
        "This is a heavy metal piece with a blistering tempo of 210 BPM, double bass drumming and screamed male "
        "vocals.",
        "tempo 210", "instrument drums", VOICE, "singer male",
    ),
    _held(
        "The audio contains a gentle acoustic guitar fingerpicked in G major, no percussion, and a whispering woman.",
        "instrument acoustic guitar", "key G major", "not instrument percussion", VOICE, "singer female",
    ),
    _held(
        "A reggae groove in 4/4 around 75 bpm with off-beat guitar skanks and organ bubbles.",
        "metre 4/4", "tempo 75", "instrument guitar", "instrument organ",
    ),
    _held(
        "the song is instrumental. the tempo is medium fast with a steady drumming rhythm, keyboard harmony and a "
        "groovy bass line",
        NO_VOICE, "pace medium fast", "steadiness steady", "instrument drums", "instrument keyboard",
        "instrument bass",
    ),
    _held_trap("You won't hear a single guitar on this record.", "not instrument guitar"),
    _held_trap("Aside from a lone trumpet, everything is electronic.", "instrument trumpet"),
    _held("The tune gallops along at 160 beats per minute in six-eight time.", "tempo 160", "metre 6/8"),
    _held(
        "A soprano floats above brushed snares and an upright bass.",
        VOICE, "singer soprano", "instrument snare", "instrument double bass",
    ),
    _held_trap("Nothing about this recording is hi-fi.", "not fidelity hi-fi"),
    _held_trap("The major players in this scene all used the same drum machine.", "instrument drums"),
    _held(
        "Count Basie's band swings hard here with saxes, trombones and trumpets.",
        "instrument saxophone", "instrument trombone", "instrument trumpet",
    ),
    _held_trap("Minor clipping aside, the master is loud.", "loudness loud"),
    _held_trap("Slowly evolving pads drift without any rhythm.", "instrument synth"),
    _held_trap("it's 3 minutes 45 long and was cut to 45 rpm vinyl"),
    _held("A capella intro, then the whole band joins at 118bpm.", VOICE, "tempo 118"),
    _held("In the key of E, the guitars drone.", "key E", "instrument guitar"),
    _held("Chopin's Nocturne in E-flat major arranged for harp.", "key Eb major", "instrument harp"),
    _held_trap("The 808 bass rattles at 70 BPM (or 140 in double time).", "instrument 808", "tempo 70"),
    _held_trap("With no singer in sight, the cello takes the lead.", NO_VOICE, "instrument cello"),
    _held_trap("Unlike the original, which was slow, this remix runs at 128 BPM.", "tempo 128"),
    _held_trap("The remix isn't as fast as the original."),
    _held_trap("Crowd noise surrounds the band."),
    _held_trap("A mono synth bass growls underneath.", "instrument synth bass"),
    _held("A wide, bright stereo mix lets each instrument breathe.", "stereo wide", "brightness bright"),
    _held(
        "It sits somewhere between 100 and 105 beats per minute, with a swung hi-hat.",
        "tempo 100 to 105", "instrument hi-hat", "swing swung",
    ),
    _held_trap("Bring the noise!"),
    _held_trap("The key to its success is the piano.", "instrument piano"),
    _held_trap("Recorded live in Studio B, minor edits were made later."),
    _held_trap("Vitamin C, major hits, and other nonsense."),
    _held_trap(
        "Drums: none. Bass: fretless. Vocals: none.", "not instrument drums", "instrument bass", NO_VOICE
    ),
    _held(
        "No vocals, no drums, only a solo violin in A minor.",
        NO_VOICE, "not instrument drums", "instrument violin", "key A minor",
    ),
    _held_trap("Fast fingerpicking on a banjo", "instrument banjo"),
    _held_trap(
        "There aren't any drums or bass in the first half", "not instrument drums", "not instrument bass"
    ),
    _held_trap("He whistles while a ukulele strums.", "instrument ukulele", "instrument whistle"),
    _held(
        "It's a 5/4 groove like Take Five, with alto sax and piano.",
        "metre 5/4", "instrument saxophone", "instrument piano",
    ),
    _held(
        "the genre is rock, the tempo is fast, the key is e minor and the singer is male.",
        "pace fast", "key E minor", VOICE, "singer male",
    ),
    _held(
        "The genre of the music is techno. It is fast-paced, at about 130 BPM, and has no vocals at all.",
        "pace fast", "tempo 130", NO_VOICE,
    ),
    _held_trap("Heavily compressed drums slam against a clean vocal.", "instrument drums", VOICE),
    _held("The drums drop out and a quiet piano closes the piece", "instrument drums", "instrument piano"),
    _held_trap("There's a drummer joke in the liner notes."),
    _held(
        "An orchestra of 80 players in 3/4, conducted at a stately 92 bpm",
        "instrument orchestra", "metre 3/4", "tempo 92",
    ),
    _held("Lead guitar doubles the vocal line an octave up.", "instrument guitar", VOICE),
    _held("We get sixteen bars of rapping before the hook.", VOICE),
    _held_trap("A halftime beat drags at 70 BPM, nothing fast about it.", "tempo 70", "not pace fast"),
    _held_trap("Distorted and very loud, the master is squashed flat.", "loudness loud", "dynamics compressed"),
    _held(
        "The vocalist hums softly in waltz time over a celesta.",
        VOICE, "metre 3/4", "instrument celesta",
    ),
)  # fmt: skip

# Written to break the finished parser, before running it. First run: precision 0.894, recall 0.927 over 82 claims.
HELD_OUT_LATER: tuple[Sentence, ...] = (
    _held(
        "This song features a male voice singing the main melody, accompanied by programmed percussion playing a "
        "simple beat in common time.",
        VOICE, "singer male", "instrument percussion", "metre 4/4",
    ),
    _held_trap(
        "There is no singer in this song, but a keyboard playing arpeggios in the higher register.",
        NO_VOICE, "instrument keyboard",
    ),
    _held_trap("The tempo of this song is slow, and there are no other instruments in it.", "pace slow"),
    _held_trap("This song may be playing in a dance club or a car with a loud stereo."),
    _held_trap("The audio quality is poor and the voices of a crowd can be heard.", "fidelity lo-fi", VOICE),
    _held(
        "A punchy four-on-the-floor kick anchors the groove at 126 BPM, while shimmering synth arpeggios in F minor "
        "swirl around a breathy female lead vocal.",
        FOUR, "instrument kick", "tempo 126", "instrument synth", "key F minor", VOICE, "singer female",
    ),
    _held(
        "**Tempo:** 92 BPM\n**Key:** D♭ major\n**Instrumentation:** Rhodes, upright bass, brushed snare",
        "tempo 92", "key Db major", "instrument electric piano", "instrument double bass", "instrument snare",
    ),
    _held_trap("Tempo-wise nothing happens here; the drums, however, are excellent.", "instrument drums"),
    _held("Set at a leisurely 63 bpm, the tune is in B-flat minor.", "tempo 63", "key Bb minor"),
    _held_miss("Twelve people bought the album, 100 BPM magazine reported."),
    _held_trap("The vocals are not auto-tuned.", VOICE),
    _held_trap("The drums aren't loud, and neither is the bass.", "instrument drums", "instrument bass"),
    _held_miss("Who needs drums when you have handclaps?", "instrument claps"),
    _held_trap("The key takeaway: major sevenths everywhere."),
    _held_trap("In A Silent Way is a minor masterpiece."),
    _held_trap("A fast-talking host introduces the band."),
    _held_trap("She slowly raises her glass while a cello plays.", "instrument cello"),
    _held_trap("It never gets loud.", "not loudness loud"),
    _held("The piece isn't particularly fast, hovering around 96 beats per minute.", "not pace fast", "tempo 96"),
    _held_trap("No instruments except for a solo flute.", "instrument flute"),
    _held_trap("Everything but the kick is muted.", "instrument kick"),
    _held_trap("The bass is absent until the second verse.", "instrument bass"),
    _held_trap("A bassoon and a bass clarinet trade phrases.", "instrument bassoon", "instrument clarinet"),
    _held_trap("The keyboard solo in 7/8 is over before 1/4 of the track has passed.",
               "instrument keyboard", "metre 7/8"),
    _held_trap("The bar is open 24/7 and the 9/11 memorial is nearby."),
    _held_trap("It is a quiet night and the piano rings out.", "instrument piano"),
    _held("This is fast music with shouted vocals and a lot of distortion.", "pace fast", VOICE),
    _held("The song's tempo is medium and its beat is steady.", "pace moderate", "steadiness steady"),
    _held_trap("The band members are all clean and sober."),
    _held_trap("A lonely harmonica, a train-like rhythm, no percussion to speak of.",
               "instrument harmonica", "not instrument percussion"),
    _held_trap("This recording is anything but clean.", "not noise clean"),
    _held("A crunchy lo-fi production with a narrow dynamic range.", "fidelity lo-fi", "dynamics compressed"),
    _held_trap("The guitarist switches to bass for the encore.", "instrument guitar", "instrument bass"),
    _held_trap("An a cappella group without instruments.", VOICE),
    _held("It moves at a brisk pace with pizzicato strings and glockenspiel.",
          "pace fast", "instrument strings", "instrument glockenspiel"),
    _held_trap("At 3:45 the tempo doubles from 70 to 140 BPM.", "tempo 70 to 140", "tempo_change faster"),
    _held_trap("I can't hear any guitar, only synths.", "not instrument guitar", "instrument synth"),
    _held_trap("The rapper mentions a 1964 Impala and 5 guitars in the first line.", VOICE, "instrument guitar"),
    _held_trap("D major? No, it is clearly B minor.", "key B minor"),
    _held_trap("Minor chords dominate, though the key is C major.", "key C major"),
    _held_miss("High-tempo breakbeats; low-tempo is not their thing.", "pace fast"),
    _held_trap("The dark lyrics contrast with a bright guitar.", VOICE, "instrument guitar"),
    _held_trap("Nobody plays piano here, let alone harp.", "not instrument piano", "not instrument harp"),
    _held_trap("While the original was in D minor, this version is in E minor.", "key E minor"),
    _held("The mono recording has audible tape hiss and a thin, dark sound.",
          "stereo mono", "noise noisy", "brightness dark", "timbre thin"),
    _held_trap("The organ is what makes it tick, not the drum kit.", "instrument organ", "not instrument drums"),
    _held("female vocal, slow, acoustic guitar, piano, 74 bpm",
          VOICE, "singer female", "pace slow", "instrument acoustic guitar", "instrument piano", "tempo 74"),
    _held("The genre of this music is instrumental hip hop with a laid-back drum loop and jazzy keys.",
          NO_VOICE, "instrument drums", "instrument keyboard"),
)  # fmt: skip

UNREAD_WORDS: tuple[Sentence, ...] = (
    _plain("I really like the oboe here.", "instrument oboe"),
    _trap("It sounds like an oboe."),
    _trap(
        "A baritone electric guitar and a tenor banjo trade licks.", "instrument electric guitar", "instrument banjo"
    ),
    _trap("Singing bowls ring over a drone.", "instrument singing bowls"),
    _trap("A viola takes the inner voice.", "instrument viola"),
    _trap("The bass stays in mono.", "instrument bass"),
    _trap("The pulse is free of any grid."),
    _plain("The tempo never wavers.", "steadiness steady"),
    _trap("The tempo never changes.", "not tempo_change changes"),
    _plain("ambient techno, 124 bpm, F#m, no kick", "tempo 124", "key F# minor", "not instrument kick"),
    _trap("Alternate mixes: no drums, no vocals."),
    _trap("An instrumental version is available."),
    _plain("Production: hi-fi and spacious; every part has room.", "fidelity hi-fi"),
    _trap("The harmonic rhythm is slow."),
    _trap("Vocals are absent until the last chorus.", VOICE),
    _trap("It comes with all the bells and whistles."),
    _plain("The chord sequence is Em.", "chord E minor"),
    _plain("The loop runs Dm7–Am7–Em7, a chord a bar.", "chord D minor", "chord A minor", "chord E minor"),
    _plain("The strings join at the second verse.", "instrument strings", "course strings enter"),
    _trap("The strings join the flute in unison.", "instrument strings", "instrument flute"),
    _plain(
        "A horsehead fiddle, an atabaque and a domra.",
        "instrument morin khuur",
        "instrument atabaque",
        "instrument domra",
    ),
    _trap("Shouted choruses, with no sung hook.", VOICE),
    _plain("There are no percussion instruments.", "not instrument percussion"),
    _plain("A recording with a wide image.", "stereo wide"),
)

SENTENCES: tuple[Sentence, ...] = (*PLAIN, *TRAPS, *HELD_OUT, *HELD_OUT_LATER, *UNREAD_WORDS)
