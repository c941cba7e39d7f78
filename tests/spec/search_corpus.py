"""Texts in many scripts, and what people may look for in them."""

TEXTS: list[tuple[str, str | None]] = [
    # Latin, with what marks it
    ("Smith", None),
    ("Smithson & Sons", "A smithy in Hammersmith"),
    ("The blacksmith", "Anna Smith"),
    ("John Smith", "john.smith@example.com"),
    ("smith-jones", "SMITH"),
    ("Mithril", "A part of a word: Smith"),
    ("Lighting SQ010_0020", "Relight the hero, key light 20% down"),
    ("SQ010_0020", "comp"),
    ("Comp SQ010_0030", "see SQ010_0020 for the look"),
    ("Léger", "Fernand Léger, peintre"),
    ("LÉGER", "leger without the accent"),
    ("García Márquez", "Cien años de soledad"),
    ("Garcia", "No accent at all"),
    ("Straße", "Die große Straße, STRASSE"),
    ("STRASSE", "strasse"),
    ("Weiß & Söhne", "Füße, süß"),
    ("Ærøskøbing", "Ærø, Øresund, Åbo, Søren"),
    ("Łódź", "Zażółć gęślą jaźń"),
    ("Ðorđe", "Đakovo, þing"),
    ("Iğdır", "ıspanak, Istanbul, İstanbul"),
    ("istanbul", "ISTANBUL"),
    ("Diyarbakır", "DİYARBAKIR"),
    ("Việt Nam", "Nguyễn Thị Minh Khai, Hà Nội"),
    ("Dvořák", "Antonín Dvořák: Rusalka"),
    ("Cafe\u0301 noir", "decomposed, then composed: Café"),
    ("ﬁne ﬂow", "the ligature is two letters: fine flow"),
    ("Ｆｕｌｌｗｉｄｔｈ", "ＡＢＣ１２３"),
    ("x²+y³", "H₂O ½ ™"),
    ("naïve façade", "coöperate, rôle"),
    # Cyrillic
    ("Иванов", "Иван Иванович Иванов"),
    ("ИВАНОВА", "Анна"),
    ("Чайковский", "Пётр Ильич, Ёлка, елка"),
    ("Київ", "Ґанок, їжак, Єва"),
    ("Љубав", "Њујорк, Џеп"),
    ("Москва́", "with a stress mark"),
    # Greek
    ("Οδυσσεύς", "ΟΔΥΣΣΕΥΣ"),
    ("Σίσυφος", "ΣΙΣΥΦΟΣ, σίσυφος"),
    ("Μαΐου", "ΐ και ΰ"),
    ("ᾍδης", "Ἅιδης"),
    # Armenian and Georgian
    ("Երևան", "ԵՐԵՎԱՆ, և"),
    ("თბილისი", "ᲗᲑᲘᲚᲘᲡᲘ"),
    # Arabic, Persian, Urdu
    ("مكتبة", "المكتبة العامة"),
    ("كِتَاب", "كتاب بلا تشكيل"),
    ("ﻻ بأس", "لا بأس"),
    ("می‌خواهم", "کتاب فارسی"),
    ("اردو زبان", "پاکستان"),
    # Hebrew
    ("שלום", "שָׁלוֹם עולם"),
    ("ירושלים", "תל אביב-יפו"),
    # Devanagari and other scripts of India
    ("हिन्दी", "नमस्ते दुनिया, किताब"),
    ("क़लम", "कलम"),
    ("தமிழ்", "வணக்கம் உலகம்"),
    ("বাংলা", "নমস্কার"),
    ("ਪੰਜਾਬੀ", "ਸਤ ਸ੍ਰੀ ਅਕਾਲ"),
    # Chinese, Japanese, Korean
    ("東京", "東京都庁"),
    ("北京大学", "北京大學"),
    ("上海电影制片厂", "灯光合成"),
    ("京都", "東京都ではない"),
    ("カタカナ", "ｶﾀｶﾅ"),
    ("ガンダム", "ｶﾞﾝﾀﾞﾑ"),
    ("ひらがな", "こんにちは、世界。ようこそ「映画」へ"),
    ("서울", "대한민국 서울특별시"),
    ("한국어", "\u1112\u1161\u11ab\u1100\u116e\u11a8\u110b\u1165"),
    # Thai, Lao, Khmer, Burmese
    ("กรุงเทพ", "กรุงเทพมหานคร"),
    ("สวัสดี", "สวัสดีชาวโลก"),
    ("ລາວ", "ສະບາຍດີ"),
    ("ភ្នំពេញ", "សួស្តី"),
    ("မြန်မာ", "မင်္ဂလာပါ"),
    # Ethiopic, Cherokee, Deseret, Gothic
    ("አማርኛ", "ሰላም ልዑል"),
    ("ᏣᎳᎩ", "ꮳꮃꭹ"),
    ("𐐔𐐯𐑅𐐨𐑉𐐯𐐻", "𐐼𐐯𐑅𐐨𐑉𐐯𐐻"),
    ("𐌲𐌿𐍄𐌹𐍃𐌺", None),
    # Emoji and other signs
    ("Party 🎉🎊", "👩‍👩‍👧‍👦 family"),
    ("👍🏽", "thumbs 👍 up"),
    ("🇩🇪🇫🇷", "flags"),
    ("❤️", "❤ without its selector"),
    ("𝒮𝒸𝓇𝒾𝓅𝓉", "mathematical letters"),
    # Combining marks that stand alone or in another order
    ("a\u0323\u0307", "a\u0307\u0323"),
    ("q\u0307\u0323", "no composed form"),
    ("\u0301 alone", "mark first"),
    # What patterns, queries and quotes would take for themselves
    ("100%", "100 percent, 50%_off"),
    ("a_b", "a-b a.b aXb"),
    ("back\\slash", "C:\\temp\\new"),
    ("[brackets]", "{braces} (parens) <angles>"),
    ("star*", "what? why* [a-z]"),
    ("caret^", "^start end$ a|b a+b"),
    ('say "hello"', "“smart” ‘quotes’ „low“"),
    ("it's O'Neil's", "rock’n’roll"),
    ("AND OR NOT NEAR", "title:comp* -minus ^first"),
    ("tab\tnew\nline", "two  spaces"),
    ("no\u00a0break", "narrow\u202fspace, thin\u2009space"),
    ("em—dash", "en–dash, hyphen‐minus"),
    ("¿Qué?", "¡Hola! «guillemets»"),
    ("ab", "b"),
    ("abc", "ab c"),
    ("abcabcabc", "bcabca"),
    ("a", "the shortest"),
    ("z" * 200, "a long one"),
    ("ss", "ß"),
    ("ıi İI", "dotted and dotless"),
    ("word word word", "again and again, word by word"),
    ("ends with abx", "xab"),
    ("prefix", "prefixes and a prefix"),
    ("a prefix", None),
    ("unprefixed", None),
    ("post-production", "production"),
    ("production", "a production"),
    ("the production", "produce"),
]

QUERIES: list[str] = [
    # parts, cases and places of words
    "smith", "SMITH", "mit", "Smi", "ith", "blacksmith", "john smith", "smith john", '"john smith"', '"smith john"',
    "smith anna", "hammer", "example.com", "john.smith@example.com", "s", "sm", "th", "mithril part",
    "sq010", "SQ010_0020", "0020", "_00", "light", "lighting hero", "20%", "key light", '"key light"', "look",
    "production", "post-production", "prod", "duct", "prefix", "fix", "prefixes", "word", "word again", '"word word"',
    "abc", "ab", "bc", "a", "b", "x", "abcabc", "cab", "bca", "abx", "xab", "abca bcab", "zzz", "z", "zz",
    "qqq", "nothing at all", "smith nothing",
    # Latin, with what marks it
    "léger", "LÉGER", "leger", "lége", "égE", "garcía", "garcia", "márq", "años", "straße", "STRASSE", "strasse",
    "ße", "ss", "ß", "weiß", "söhne", "SÜSS", "ærø", "ØRE", "åbo", "łódź", "gęśl", "ŻÓŁ", "đorđe", "ðor", "þin",
    "iğdır", "IĞDIR", "ıspanak", "istanbul", "İstanbul", "ISTANBUL", "diyarbakır", "DİYARBAKIR", "i\u0307st", "ı", "İ",
    "việt", "nguyễn", "hà nội", "dvořák", "ŘÁK", "café", "cafe\u0301", "cafe", "fine", "ﬁne", "flow", "ﬁ",
    "fullwidth", "ｆｕｌｌ", "abc123", "ＡＢＣ", "x2", "h2o", "1⁄2", "½", "tm", "naïve", "façade",
    # Cyrillic
    "иванов", "ИВАН", "ван", "ова", "иван анна", "чайков", "пётр", "елка", "ёлка", "київ", "їжак", "ґан", "љуб",
    "њујорк", "џ", "москва", "москва́",
    # Greek
    "οδυσσεύς", "ΟΔΥΣΣΕΥΣ", "σίσυφος", "ΣΊΣΥΦΟΣ", "σίσυφοσ", "συφ", "μαΐου", "ΐ", "ᾍδης", "ἅιδης",
    # Armenian and Georgian
    "երևան", "ԵՐԵՎԱՆ", "և", "თბილისი", "ᲗᲑᲘ",
    # Arabic, Persian, Urdu
    "مكتبة", "كتب", "كتاب", "كِتَاب", "لا", "ﻻ بأس", "خواهم", "می‌خ", "فارسی", "پاک",
    # Hebrew
    "שלום", "שָׁלוֹם", "עולם", "אביב", "יפו", "ירוש",
    # scripts of India
    "हिन्दी", "हिन", "न्द", "नमस्ते", "क़लम", "कलम", "क", "தமிழ்", "மிழ", "வணக்கம் உலகம்", "বাংলা", "ਪੰਜ",
    # Chinese, Japanese, Korean
    "東京", "京都", "東京都", "京", "北京", "大学", "大學", "北京大学", "电影", "制片厂", "灯光 合成", "カタカナ",
    "ｶﾀｶﾅ", "タカ", "ガンダム", "カンタム", "ひらがな", "世界", "映画", "こんにちは",
    "서울", "특별시", "한국어", "한국",
    # Thai, Lao, Khmer, Burmese
    "กรุงเทพ", "มหานคร", "สวัสดี", "วัส", "ລາວ", "ភ្នំ", "မြန်မာ",
    # Ethiopic, Cherokee, Deseret, Gothic
    "ሰላም", "ᏣᎳᎩ", "ꮳꮃꭹ", "𐐔𐐯𐑅", "𐐼𐐯𐑅𐐨", "𐌲𐌿𐍄𐌹", "𐌿𐍄",
    # emoji and other signs
    "🎉", "🎉🎊", "party 🎉", "👩‍👩‍👧", "👧", "👍", "👍🏽", "🇩🇪", "🇪🇫", "❤️", "❤", "script", "𝓅𝓉",
    # marks
    "ạ̇", "a\u0307\u0323", "q\u0323\u0307", "\u0301 alone",
    "lodz", "aero", "dorde", "igdir", "IGDIR", "viet nam", "dvorak", "soren",
    # what patterns, queries and quotes would take for themselves
    "100%", "%", "50%_", "a_b", "_", "a-b", "a.b", "\\", "back\\slash", "C:\\temp", "[brackets]", "[", "]", "[a-z]",
    "star*", "*", "?", "what?", "caret^", "^start", "end$", "a|b", "a+b", "(parens)", "{braces}", "<angles>",
    'say "hello"', '"hello"', 'hello"', '"hello', "“smart”", "quotes", "it's", "neil", "'neil", "rock’n", "n’roll",
    "AND", "OR NOT", "NEAR", "title:comp*", "-minus", "comp -minus", "tab", '"new line"', "new line", "two spaces",
    "no break", '"no break"', '"thin space"', "dash", "em—dash", "minus", "qué", "¿qué", "hola", "guille", "«guille",
]  # fmt: skip
