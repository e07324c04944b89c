"""The 27 product type codes, their counts in the challenge's catalogue, and nouns for their products.

Only the codes and their counts are the challenge's; all words were written for the synthetic sample.
"""

from dataclasses import dataclass

# Labelled products per code in the challenge: 84,916 in all.
OFFICIAL_COUNTS = {
    10: 3116, 40: 2508, 50: 1681, 60: 832, 1140: 2671, 1160: 3953, 1180: 764, 1280: 4870, 1281: 2070,
    1300: 5045, 1301: 807, 1302: 2491, 1320: 3241, 1560: 5073, 1920: 4303, 1940: 803, 2060: 4993, 2220: 824,
    2280: 4760, 2403: 4774, 2462: 1421, 2522: 4989, 2582: 2589, 2583: 10209, 2585: 2496, 2705: 2761, 2905: 872,
}  # fmt: skip


@dataclass(frozen=True)
class Nouns:
    """Nouns for a product in three languages."""

    french: tuple[str, ...]
    english: tuple[str, ...]
    german: tuple[str, ...]


def nouns(french: str, english: str, german: str) -> Nouns:
    """Return the nouns from three comma-separated lists."""
    return Nouns(*(tuple(word.strip() for word in words.split(",")) for words in (french, english, german)))


NOUNS = {
    10: nouns(
        "livre d'occasion, livre ancien, roman d'occasion, édition originale, ouvrage ancien, livre rare, "
        "vieux livre, exemplaire numéroté, livre de bibliothèque, reliure cuir, poche d'occasion, ouvrage épuisé, "
        "livre jauni",
        "used book, antique book, second hand novel, rare edition, old leather binding",
        "gebrauchtes Buch, antiquarisches Buch, alte Ausgabe, seltener Roman",
    ),
    40: nouns(
        "jeu vidéo import, jeu pour console, cartouche neuve, jeu de course, jeu de combat, jeu de plateforme, "
        "jeu de rôle console, pack jeu, figurine interactive de jeu, version import japon, jeu de tir, jeu musical",
        "console game, video game import, racing game, fighting game, platform game",
        "Konsolenspiel, Videospiel Import, Rennspiel, Kampfspiel",
    ),
    50: nouns(
        "manette sans fil, casque gamer, câble de charge, housse de protection console, coque silicone manette, "
        "station de recharge, volant de course, tapis de souris gamer, chargeur manette, support de casque, "
        "adaptateur secteur console, batterie manette, joystick de rechange, sticker manette, micro gamer",
        "wireless controller, gaming headset, charging dock, controller skin, racing wheel",
        "kabelloser Controller, Ladestation, Schutzhülle Konsole, Gaming Headset",
    ),
    60: nouns(
        "console de salon, console portable, console rétro, mini console, console reconditionnée, borne arcade, "
        "console 500 go, pack console, console de poche, console avec deux manettes, console 4k",
        "game console, handheld console, retro console, arcade machine",
        "Spielkonsole, Handkonsole, Retro Konsole",
    ),
    1140: nouns(
        "statuette résine, buste de collection, figurine à grosse tête, statue articulée, porte-clés figurine, "
        "figurine sous blister, réplique miniature, action figure, figurine pvc, statue en édition limitée, "
        "mug super-héros, produit dérivé, figurine manga, diorama résine",
        "action figure, resin statue, vinyl collectible, bobble head, pvc figure",
        "Actionfigur, Sammelfigur, Statue aus Harz, Vinylfigur",
    ),
    1160: nouns(
        "carte à collectionner, booster, carte rare brillante, deck de démarrage, carte à jouer holographique, "
        "carte promo, lot de cartes communes, display de boosters, carte ultra rare, carte magie, carte joueur, "
        "carte monstre, carte piège, image autocollante",
        "trading card, booster pack, holo rare card, foil card, starter deck",
        "Sammelkarte, Boosterpack, Holokarte, Einzelkarte",
    ),
    1180: nouns(
        "figurine à peindre, escouade en plomb, miniature de wargame, unité d'infanterie, dés à vingt faces, "
        "régiment de chevaliers, figurine métal non peinte, armée de bataille, socle de figurine, décor de wargame, "
        "déguisement adulte, perruque, masque latex, costume médiéval, livre de règles",
        "wargame miniature, unpainted squad, role playing dice, fancy dress costume, latex mask",
        "Zinnfigur, Tabletop Miniatur, Rollenspiel Würfel, Kostüm",
    ),
    1280: nouns(
        "voiture miniature, peluche, poupée mannequin, briques de construction, camion de pompier, garage en bois, "
        "dînette, circuit de voitures, toupie, jouet d'éveil, xylophone, poupon, cuisine pour enfant, hochet, "
        "pistolet à fléchettes, pâte à modeler, doudou lapin, cheval à bascule, robot jouet",
        "plush toy, building blocks, toy car, fashion doll, fire truck toy, spinning top",
        "Plüschtier, Bausteine, Spielzeugauto, Puppe, Kreisel",
    ),
    1281: nouns(
        "jeu de société, jeu de plateau, puzzle 1000 pièces, jeu de cartes familial, jeu d'échecs, jeu de dames, "
        "jeu de l'oie, jeu de stratégie, casse-tête, jeu d'ambiance, jeu coopératif, domino, puzzle en bois, "
        "jeu de mémoire, loto des animaux",
        "board game, jigsaw puzzle, chess set, party game, family card game",
        "Brettspiel, Puzzle, Schachspiel, Gesellschaftsspiel",
    ),
    1300: nouns(
        "drone, hélicoptère radiocommandé, maquette avion, locomotive, voiture rc, hélice de rechange drone, "
        "modèle réduit, maquette bateau, buggy télécommandé, wagon de marchandises, kit à monter, batterie lipo, "
        "voilier radiocommandé, rail courbe, quadricoptère, servo moteur, miniature automobile 1/43",
        "quadcopter drone, rc car, scale model kit, model train, spare propellers",
        "Modellbausatz, ferngesteuertes Auto, Modellbahn, Drohne",
    ),
    1301: nouns(
        "chaussettes bébé, body manches longues, chaussons bébé, collants fille, bonnet naissance, grenouillère, "
        "lot de chaussettes, pyjama bébé, gigoteuse, moufles enfant, chaussettes antidérapantes, barboteuse, "
        "pantoufles enfant, bavoir",
        "baby socks, baby bodysuit, newborn booties, toddler romper, baby hat",
        "Babysocken, Babybody, Strampler, Babymütze",
    ),
    1302: nouns(
        "trampoline, balançoire, toboggan, trottinette, ballon de foot, skateboard, château gonflable, "
        "jeu de quilles, canne à pêche, raquettes de plage, cerf-volant, tente enfant, panier de basket, "
        "vélo sans pédales, pistolet à eau, boules de pétanque, draisienne, filet de badminton, table de ping-pong",
        "trampoline, scooter for kids, swing set, kite, basketball hoop, skateboard",
        "Trampolin, Schaukel, Roller, Rutsche, Drachen",
    ),
    1320: nouns(
        "poussette canne, biberon, sucette silicone, sac à langer, lit parapluie, tour de lit, siège auto, "
        "chaise haute bébé, baignoire bébé, babyphone, porte-bébé, matelas à langer, tétine, mobile musical, "
        "veilleuse bébé, barrière de sécurité, tapis d'éveil, chauffe-biberon",
        "baby stroller, feeding bottle, diaper bag, pacifier, baby monitor, car seat",
        "Kinderwagen, Babyflasche, Wickeltasche, Schnuller, Babyphone",
    ),
    1560: nouns(
        "canapé d'angle, table basse, armoire, commode, matelas, bibliothèque, lit double, meuble tv, "
        "chaise de bureau, buffet, étagère murale, sommier, fauteuil cuir, table à manger, tabouret de bar, chevet, "
        "dressing, meuble sous vasque, console d'entrée, tête de lit",
        "corner sofa, coffee table, wardrobe, mattress, tv stand, bookcase, office chair",
        "Ecksofa, Couchtisch, Kleiderschrank, Matratze, Bürostuhl",
    ),
    1920: nouns(
        "housse de coussin, parure de lit, drap housse, couette, plaid, rideau occultant, taie d'oreiller, nappe, "
        "serviette de bain, oreiller, housse de couette, jeté de canapé, tapis de bain, torchon, voilage, "
        "protège-matelas, couverture polaire, peignoir",
        "cushion cover, duvet set, pillow case, throw blanket, bath towel, curtain",
        "Kissenbezug, Bettwäsche, Decke, Vorhang, Handtuch",
    ),
    1940: nouns(
        "thé vert, café en grains, capsules de café, confiture, chocolat noir, miel, huile d'olive, biscuits, "
        "bonbons, épices, vin rouge, pâtes artisanales, foie gras, sirop, terrine, moutarde, infusion bio",
        "green tea, coffee beans, chocolate bar, honey jar, spices, candy",
        "grüner Tee, Kaffeebohnen, Schokolade, Honig",
    ),
    2060: nouns(
        "tableau sur toile, lampe de chevet, vase, horloge murale, bougie parfumée, sticker mural, "
        "guirlande lumineuse, cadre photo, miroir, lustre, fleur artificielle, boule de noël, papier peint, "
        "plaque métal, suspension, photophore, sapin de noël, affiche, ampoule led",
        "wall sticker, table lamp, wall clock, scented candle, canvas print, string lights",
        "Wandtattoo, Tischlampe, Wanduhr, Duftkerze, Leinwandbild",
    ),
    2220: nouns(
        "croquettes chien, laisse, collier pour chien, litière, arbre à chat, gamelle, panier pour chat, aquarium, "
        "harnais, niche, jouet à mâcher, cage à oiseaux, fontaine à eau chat, brosse poils, pompe d'aquarium",
        "dog leash, cat tree, pet bowl, aquarium filter, dog bed",
        "Hundeleine, Kratzbaum, Futternapf, Hundebett",
    ),
    2280: nouns(
        "magazine, revue, journal ancien, hebdomadaire, mensuel, numéro spécial, hors-série, quotidien, "
        "journal du jour, gazette, revue illustrée, supplément, magazine de mode, bulletin, almanach",
        "magazine issue, weekly paper, monthly review, vintage newspaper",
        "Zeitschrift, Wochenblatt, Illustrierte, Zeitung",
    ),
    2403: nouns(
        "lot de livres, lot de magazines, lot de romans, série complète, tomes 1 à 12, coffret intégral, "
        "pile de bd, collection complète, lot de mangas, ensemble de revues, lot de partitions, carton de livres, "
        "10 volumes",
        "bundle of books, complete series, set of volumes, lot of comics",
        "Bücherpaket, komplette Serie, Sammlung Bände, Konvolut",
    ),
    2462: nouns(
        "jeu d'occasion, cartouche seule, jeu rétro sans boîte, lot de jeux usagés, jeu testé, jeu en loose, "
        "ancienne console et jeux, disque seul, jeu complet usagé, cartouche game rétro, jeu sans notice",
        "used game, loose cartridge, retro game tested, disc only",
        "gebrauchtes Spiel, loses Modul, Retro Spiel getestet",
    ),
    2522: nouns(
        "stylo plume, cahier à spirale, carnet, classeur, cartouche d'encre, agenda, trousse, crayons de couleur, "
        "ramette papier, bloc-notes, feutre, surligneur, chemise cartonnée, toner laser, tampon encreur, gomme, "
        "étiquettes adhésives, calculatrice, enveloppes, agrafeuse",
        "fountain pen, spiral notebook, ink cartridge, ring binder, pencil case, daily planner",
        "Füller, Notizbuch, Tintenpatrone, Ordner, Federmappe",
    ),
    2582: nouns(
        "salon de jardin, parasol, bain de soleil, tonnelle, chaise pliante jardin, balancelle, hamac, "
        "table de jardin, banc extérieur, voile d'ombrage, coussin de palette, fauteuil résine tressée, pergola, "
        "barnum, coffre de jardin, store banne",
        "garden set, sun lounger, parasol, gazebo, hammock, outdoor bench",
        "Gartenmöbel, Sonnenschirm, Sonnenliege, Pavillon, Hängematte",
    ),
    2583: nouns(
        "piscine hors sol, bâche à bulles, pompe de filtration, robot de piscine, liner, épuisette, "
        "échelle piscine, spa gonflable, filtre à sable, chlore choc, skimmer, enrouleur de bâche, "
        "piscine tubulaire, margelle, électrolyseur, bouée gonflable, projecteur piscine, tapis de sol piscine, "
        "pompe à chaleur piscine",
        "above ground pool, pool cover, sand filter, pool robot, inflatable spa",
        "Pool Abdeckung, Sandfilter, Aufstellpool, Poolroboter",
    ),
    2585: nouns(
        "tondeuse, taille-haie, sécateur, brouette, tuyau d'arrosage, bêche, râteau, tronçonneuse, "
        "débroussailleuse, souffleur, arrosoir, scie électrique, motoculteur, pulvérisateur, serre de jardin, "
        "composteur, perceuse, lame de rechange, gants de travail",
        "lawn mower, hedge trimmer, pruning shears, garden hose, wheelbarrow, chainsaw",
        "Rasenmäher, Heckenschere, Gartenschlauch, Schubkarre",
    ),
    2705: nouns(
        "livre neuf, nouveau roman, beau livre, album jeunesse, essai, guide pratique, grand format, nouveauté, "
        "livre broché neuf, bande dessinée neuve, parution récente, manuel, biographie, dictionnaire",
        "new book, hardcover novel, illustrated guide, new paperback, essay",
        "neues Buch, Taschenbuch neu, Bildband, Ratgeber",
    ),
    2905: nouns(
        "jeu pc, cd-rom pc, clé d'activation, jeu à télécharger, code cd, logiciel de jeu, jeu windows, "
        "extension pc, jeu pc dvd, simulation pc, version dématérialisée",
        "pc game, download code, activation key, windows game",
        "PC Spiel, Aktivierungscode, Windows Spiel",
    ),
}
