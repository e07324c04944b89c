"""The labels of the sample with several labels, and the words of its texts. All brands and names are invented.

A product has a department and a type (a flattened hierarchy), and may have a colour, a pattern, a feature and a theme.
"""

TYPES = {  # department -> its types -> their nouns
    "Clothing": {
        "T-Shirts": ("t-shirt", "tee", "crew neck shirt", "jersey top"),
        "Dresses": ("dress", "summer dress", "gown", "frock"),
        "Jackets": ("jacket", "parka", "windbreaker", "bomber coat"),
    },
    "Home Decor": {
        "Cushions": ("cushion", "throw pillow", "sofa pillow", "cushion cover"),
        "Vases": ("vase", "flower vase", "bud vase", "urn"),
        "Lamps": ("lamp", "bedside lamp", "table light", "reading light"),
    },
    "Kitchen": {
        "Mugs": ("mug", "coffee mug", "tea cup", "cocoa beaker"),
        "Plates": ("plate", "dinner plate", "side plate", "serving dish"),
        "Bottles": ("bottle", "carafe", "flask", "decanter"),
    },
    "Furniture": {
        "Chairs": ("chair", "dining chair", "armchair", "side chair"),
        "Tables": ("table", "coffee table", "side table", "desk"),
        "Shelves": ("shelf", "bookcase", "wall shelf", "shelving unit"),
    },
    "Shoes & Bags": {
        "Sneakers": ("sneakers", "trainers", "running shoes", "canvas shoes"),
        "Boots": ("boots", "ankle boots", "rain boots", "hiking boots"),
        "Backpacks": ("backpack", "rucksack", "day pack", "school bag"),
    },
    "Toys": {
        "Balls": ("ball", "playground ball", "beach ball", "bouncy ball"),
        "Kites": ("kite", "stunt kite", "delta kite", "wind flyer"),
        "Building Blocks": ("building blocks", "brick set", "stacking cubes", "construction bricks"),
    },
    "Office": {
        "Notebooks": ("notebook", "journal", "writing pad", "diary"),
        "Envelopes": ("envelopes", "mailing pouch", "letter sleeves", "card covers"),
        "Pen Holders": ("pen holder", "pencil cup", "desk tidy", "brush pot"),
    },
    "Pets": {
        "Pet Beds": ("pet bed", "dog basket", "cat nest", "puppy mattress"),
        "Pet Bowls": ("pet bowl", "dog dish", "cat feeder", "water bowl"),
        "Birdhouses": ("birdhouse", "nest box", "bird feeder house", "finch cabin"),
    },
}
DEPARTMENT_OF = {name: department for department, types in TYPES.items() for name in types}
NOUNS = {name: nouns for types in TYPES.values() for name, nouns in types.items()}

LOOK_GROUPS = (  # types with similar outlines, of different departments
    ("Plates", "Balls", "Pet Beds"),
    ("Cushions", "Notebooks", "Building Blocks"),
    ("Mugs", "Pen Holders", "Pet Bowls"),
    ("Bottles", "Vases", "Boots"),
    ("T-Shirts", "Jackets", "Backpacks"),
    ("Dresses", "Lamps", "Kites"),
    ("Chairs", "Tables", "Birdhouses"),
    ("Shelves", "Envelopes", "Sneakers"),
)
LOOK_GROUP_OF = {name: group for group in LOOK_GROUPS for name in group}

COLOURS = ("Red", "Yellow", "Green", "Blue", "Purple")  # only the image shows which; products of other colours: none
PATTERNS = ("Striped", "Dotted", "Checked")  # only the image shows which
FEATURES = {  # label -> sentences; only the description says which
    "Handmade": ("Each piece is made by hand.", "Our artisans craft it one at a time.", "Hand finished in a workshop."),
    "Recycled": ("Made from recycled materials.", "Gives waste a second life.", "Contains upcycled fibres."),
    "Waterproof": ("Keeps water out.", "A coating repels rain and splashes.", "Safe to use in heavy rain."),
    "Foldable": ("It folds flat for storage.", "Collapses in seconds.", "Packs down to a small size."),
    "Fair Trade": ("The growers are paid a fair price.", "Certified fair trade.", "Supports small cooperatives."),
    "Made to Order": ("Tailored after you buy.", "Produced only on request.", "Personalised with your initials."),
}
THEMES = {  # label -> words; only the title has them
    "Kids": ("for kids", "junior", "children's", "for toddlers"),
    "Travel": ("travel", "on the go", "for the road", "portable edition"),
    "Gifts": ("gift", "present for her", "gift boxed", "birthday surprise"),
    "Holidays": ("christmas", "festive", "winter holiday", "xmas edition"),
    "Vintage": ("vintage", "retro", "antique style", "70s look"),
}
GROUPS = (tuple(TYPES), tuple(NOUNS), COLOURS, PATTERNS, tuple(FEATURES), tuple(THEMES))
LABELS = tuple(label for group in GROUPS for label in group)

# Each sells all departments, and is typical of the one at its position.
BRANDS = ("Velora", "Casa Brume", "Fermont", "Nordhus", "Stridewell", "Plumko", "Papertide", "Wagtail")
LINES = ("Aurora", "Basic", "Classic", "Delta", "Essential", "Horizon", "No. 7", "Origin", "Prime", "Studio", "Urban")
TITLE_DETAILS = (
    *("set of {number}", "size {number}", "{number} cm", "new", "2-pack", "limited edition", "premium", "deluxe"),
    *("model {number}", "original", "by {brand}", "best price", "high quality", "season {number}"),
)
ABOUT = (  # sentences about the product
    "This {noun} is part of the {line} collection by {brand}.",
    "A {noun} for every day.",
    "You will love this {noun}.",
    "Content of the parcel: one {noun}.",
    "Our {noun} measures {number} x {other} cm.",
    "{brand} has made the {noun} since 19{number}.",
)
BOILER_PLATE = (  # sentences that fit any product; those that name colours say nothing about this one
    "Fast shipping in a protective box.",
    "Return it within 30 days if you are not satisfied.",
    "Please contact us with any question.",
    "The colour may differ slightly because of your screen.",
    "Also available in red, blue, green and other colours.",
    "Other designs: striped, dotted or plain.",
    "Rated {other} of 100 by our customers.",
    "Item number {number}{other}.",
    "Please allow a tolerance of one to three centimetres.",
    "Photographs may show accessories that are not included.",
    "Thank you for visiting our shop.",
    "Designed to last and to match any style.",
)
VAGUE_NOUNS = ("item", "product", "article", "piece")
