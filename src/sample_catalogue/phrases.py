"""Words that the texts of neighbouring codes share, and sentences that every seller uses.

Codes of one family share these words, so a text that consists only of them does not distinguish the codes. All brands,
titles and persons are invented.
"""

from dataclasses import dataclass

from sample_catalogue.vocabulary import Nouns, nouns


@dataclass(frozen=True)
class Family:
    """Codes that share words: nouns that fit every member, brands, subjects and details."""

    codes: tuple[int, ...]
    shared: Nouns
    brands: tuple[str, ...]
    subjects: tuple[str, ...]
    details: tuple[str, ...]  # may hold {number}, {year}, {length} and {width}


def family(codes: tuple[int, ...], shared: Nouns, *lists: str) -> Family:
    """Return a family from comma-separated lists of brands, subjects and details."""
    return Family(codes, shared, *(tuple(word.strip() for word in words.split(",")) for words in lists))


FAMILIES = (
    family(
        (10, 2705),
        nouns("livre, ouvrage, roman, édition, volume, album", "book, novel, edition", "Buch, Roman, Band"),
        "Éditions du Vieux Moulin, Presses de l'Aubier, Le Marque-Page, Éditions Corval, La Plume Bleue, Sagitta",
        "Le secret des marées, Histoire de la Bretagne, Les jardins de Claire, La cuisine de grand-mère, "
        "Un été à Lisbonne, Le dernier phare, Vie d'un corsaire, Les chats de ma rue, Apprendre le dessin, "
        "Contes du Morvan, La nuit des loups, Manuel de botanique, Lettres à Hélène, Le train de minuit, "
        "Géographie universelle, Poèmes d'automne",
        "broché, relié, format poche, tome {number}, {year}, {number} pages, par Jean Maurel, de Louise Tavernier, "
        "auteur A. Desmoulins, illustré, collection Horizons, préface de P. Garnier, traduit de l'anglais",
    ),
    family(
        (2280, 2403),
        nouns("revue, numéros, collection, parution, périodiques", "issue, collection", "Ausgabe, Sammlung"),
        "L'Écho des Provinces, Tricot Facile, Auto Passion d'Hier, Le Petit Reporter, Modes et Ouvrages, "
        "Ciné Vedettes, Vents du Large, Rail et Locomotive",
        "cinéma, la mode de printemps, spécial tour de France, l'art et les antiquités, les recettes d'hiver, "
        "élections, voitures de légende, chasse et pêche, le rock des années 70, jardin potager, la guerre, "
        "tricot et broderie",
        "n° {number}, numéro {number}, du 12/03/{year}, année {year}, janvier {year}, juin {year}, "
        "en couverture Eva Lorme, bon état, état d'usage, avec poster, {number} pages",
    ),
    family(
        (40, 50, 60, 2462, 2905),
        nouns(
            "jeu, jeux vidéo, pack gaming, article gaming, édition joueur, accessoire et jeu",
            "gaming item, game, gamer pack",
            "Spiel, Gaming Artikel",
        ),
        "Zentaris, Pixelor, Novaplay, Kyotek, Arkadia, Joyplus, Gamewave",
        "Chroniques d'Altéa, Rallye Extrême {number}, Foot Manager, Zone Fantôme, Les Gardiens du Temple, "
        "La Quête du Dragon, Pirates de l'Orbite, Super Zippo, Ninja Tempête, La ferme enchantée, Tennis Pro, "
        "Les Étoiles Perdues",
        "version française, édition collector, pal, multijoueur, pegi 12, pegi 18, bon état, neuf sous blister, "
        "compatible toutes versions, testé, avec notice, édition {year}, en ligne",
    ),
    family(
        (1140, 1180, 1280, 1281, 1300),
        nouns(
            "figurine, jouet, jeu pour enfant, coffret, miniature, modèle, set de jeu, article de collection",
            "toy, figure set, collectible, kids game",
            "Spielzeug, Figur, Sammlerstück",
        ),
        "Mirabo, Toyland, Kidoo, Castor & Cie, Fabulo, Wondra, Plastor",
        "dragon, pirate, princesse, super-héros, chevalier, dinosaure, licorne, robot, zombie, samouraï, ninja, "
        "astronaute, viking, animaux de la ferme, espace, jungle",
        "dès {number} ans, pour enfants, cadeau anniversaire, noël, {length} cm, échelle 1/{number}, avec accessoires, "
        "édition limitée, à collectionner, {number} pièces, plastique, en bois, série {number}, boîte d'origine",
    ),
    family(
        (1160, 2522),
        nouns("cartes, pochette, album, feuilles, lot papier, classeur et cartes", "cards, album", "Karten, Album"),
        "Papyra, Kartéo, Monstria, Officia, Plumier, Duelo",
        "dragon blanc, fleurs, licorne, football, chat, monstres des abysses, marbre, tour Eiffel, galaxie, forêt",
        "lot de {number}, a4, a5, n° {number}/{length}, version française, vf, {number} feuilles, neuf, papier glacé, "
        "paquet de {number}, couverture rigide, série {number}, carton",
    ),
    family(
        (1301, 1320),
        nouns("article bébé, lot naissance, ensemble bébé, cadeau de naissance", "baby gift set", "Baby Set"),
        "Bébélou, Petit Nuage, Mimosa, Doucéa, Babyline",
        "lapin, étoiles, ours, éléphant, nuage, hibou, petit hérisson, renard",
        "0-6 mois, {number} mois, fille, garçon, mixte, coton bio, sans bpa, doux, naissance, lavable en machine, "
        "lot de {number}, antidérapant, confortable",
    ),
    family(
        (1560, 2582),
        nouns(
            "table, chaise, fauteuil, banc, table et chaises, meuble, tabouret, ensemble de meubles",
            "table, chair, furniture set, bench",
            "Tisch, Stuhl, Möbelset, Bank",
        ),
        "Nordika, Maison Belval, Hestéa, Boisval, Mobilor, Terrasso",
        "style scandinave, style industriel, design moderne, style bohème, vintage, contemporain, rustique, pliable",
        "bois massif, acacia, métal, {length} x {width} cm, h {width} cm, {number} places, résistant, "
        "facile à monter, teck, polyester, avec coussins, aluminium, livré en kit, avec rangement",
    ),
    family(
        (1920, 2060),
        nouns(
            "décoration maison, déco chambre, tissu déco, motif mural, accessoire salon, décoration de noël",
            "home decor, bedroom decoration, fabric decor",
            "Wohndekoration, Deko Stoff",
        ),
        "Casa Lina, Lumidéco, Douce Maison, Textila, Atelier Brume, Ambria",
        "fleurs, géométrique, tropical, mandala, papillons, style nordique, "
        "étoiles, cerf, bord de mer, feuilles vertes",
        "{length} x {width} cm, coton, lin, polyester, salon, chambre, cuisine, lavable, imprimé, lot de {number}, "
        "fait main, led, velours, canapé, café hôtel, saint-valentin",
    ),
    family(
        (1302, 2583, 2585),
        nouns(
            "équipement de jardin, kit extérieur, accessoire jardin, matériel de plein air, bâche, pompe, filet",
            "outdoor kit, garden equipment, pump",
            "Gartenzubehör, Outdoor Set, Pumpe",
        ),
        "Aquaviva, Jardivert Pro, Vertis, Soléo, Ozéan, Robusta",
        "pour jardin, pour terrasse, plein air, été, famille, extérieur, camping, plage",
        "{length} cm, diamètre {length} cm, {number} m, {number} w, pvc, acier galvanisé, résistant aux uv, "
        "électrique, gonflable, {length} x {width} cm, avec pompe, sans fil, télescopique, {number} l, "
        "débit {length} l/h, montage facile",
    ),
    family(
        (1940, 2220),
        nouns(
            "friandises, sachet gourmand, boîte {number} g, assortiment, produit naturel",
            "treats, assortment",
            "Leckerli, Sortiment",
        ),
        "Terroir & Co, Fermette, Natura Bella, Délicia, Compagnon",
        "saumon, poulet, fruits rouges, menthe, nature, miel, légumes, canard",
        "{number} kg, {length} g, bio, sachet, lot de {number}, sans sucre, sans céréales, "
        "artisanal, fabriqué en France, boîte, doypack",
    ),
)

FAMILY_OF = {code: each for each in FAMILIES for code in each.codes}

COLOURS = {
    "french": ("noir", "blanc", "rouge", "bleu", "vert", "jaune", "gris", "rose", "marron", "beige", "violet", "doré"),
    "english": ("black", "white", "red", "blue", "green", "yellow", "grey", "pink", "brown"),
    "german": ("schwarz", "weiß", "rot", "blau", "grün", "gelb", "grau", "rosa"),
}

FOREIGN_DETAILS = {
    "english": (
        *("new", "high quality", "set of {number}", "{length} cm", "gift idea", "for home", "{year}", "with box"),
        *("size {length} x {width} cm", "easy to use", "pack of {number}", "best price", "fast delivery"),
    ),
    "german": (
        *("neu", "hohe Qualität", "{number} Stück", "{length} cm", "Geschenkidee", "für Zuhause", "{year}", "mit Box"),
        *("Größe {length} x {width} cm", "einfach zu benutzen", "{number}er Set", "schnelle Lieferung"),
    ),
}

# Sentences about the product: {noun}, {brand}, {subject}, {detail} and {colour} are filled in.
ABOUT = {
    "french": (
        "Découvrez notre {noun} de la marque {brand}, {detail}.",
        "Caractéristiques : {noun}, {detail}, coloris {colour}.",
        "Idéal pour toute la famille, ce produit « {subject} » vous séduira par sa qualité.",
        "{brand} vous propose : {noun}, {detail}, pour un usage quotidien.",
        "Article conforme à la photo : {noun}, couleur {colour}.",
        "Thème : {subject}. Type : {noun}. Référence {number}{length}.",
        "Une belle idée cadeau : {noun} {colour}, {detail}.",
        "Dimensions : {length} x {width} cm. Matière et finition soignées.",
        "Vous cherchez : {noun} ? Profitez de l'offre sur notre boutique.",
        "Contenu du colis : 1 x {noun}.",
    ),
    "english": (
        "Discover this {noun} by {brand}.",
        "Features: {noun}, {colour}, {detail}.",
        "Package includes: 1 x {noun}.",
        "Perfect {noun} for every day, size {length} x {width} cm.",
        "Theme: {subject}. Brand: {brand}. Item number {number}{length}.",
        "A nice gift for your family and friends: {noun}, {colour}.",
    ),
    "german": (
        "Dieses Produkt von {brand}: {noun}, {detail}.",
        "Lieferumfang: 1 x {noun}, Farbe {colour}.",
        "Maße: {length} x {width} cm, {detail}.",
        "Thema: {subject}. Artikelnummer {number}{length}.",
    ),
}

# Sentences that fit any product and say nothing about it.
BOILER_PLATE = {
    "french": (
        "Livraison rapide et soignée dans un emballage protégé.",
        "Satisfait ou remboursé sous 14 jours.",
        "N'hésitez pas à nous contacter pour toute question.",
        "Photos non contractuelles.",
        "Expédition sous 24 h par colis suivi avec numéro de suivi.",
        "Veuillez permettre une légère différence de couleur due à l'éclairage et à l'écran.",
        "Produit neuf & de haute qualité, vendu par un professionnel.",
        "Frais de port réduits en cas d'achats groupés, consultez mes autres annonces.",
        "Merci de votre visite et à très bientôt sur notre boutique.",
        "Très bon état général, petites traces d'usage possibles.",
        "Nous nous efforçons de répondre à tous les messages en un jour ouvré, y compris pendant les fêtes.",
        "Garantie 2 ans. Service après-vente basé en France.",
        "En raison de la mesure manuelle, une erreur de 1 à 3 cm est possible, merci de votre compréhension.",
        "Cet article est conçu pour durer et s'adapte à tous les styles comme à tous les âges.",
    ),
    "english": (
        "Please allow slight differences due to manual measurement.",
        "100% brand new & high quality.",
        "Fast shipping from our European warehouse.",
        "If you have any question, please feel free to contact us, we will answer within one day.",
        "Color may vary because of monitor settings.",
        "Returns are accepted within 30 days, the item must be in its original condition.",
        "Thank you for visiting our shop.",
    ),
    "german": (
        "Schneller Versand aus Deutschland.",
        "Bei Fragen stehen wir Ihnen gerne zur Verfügung.",
        "Neu und in hoher Qualität.",
        "Die Farbe kann je nach Bildschirm leicht abweichen.",
        "Rückgabe innerhalb von 14 Tagen möglich.",
    ),
}
