"""Texts and images that are unlike the products of a catalogue, for `unusual.py`.

The texts are descriptions of products, written for this purpose. Images: drawn by a generator, or photographs that come
with scikit-learn and matplotlib.
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

TEXTS = {
    "German": [
        "Elegante Armbanduhr für Damen mit Lederarmband, wasserdicht bis fünfzig Meter, Gehäuse aus Edelstahl",
        "Küchenmesser aus rostfreiem Stahl, scharf und langlebig, mit rutschfestem Griff und Schutzhülle",
        "Weiche Babydecke aus Baumwolle, bei sechzig Grad waschbar, in vielen Farben erhältlich",
        "Gardinen fürs Wohnzimmer, blickdicht, mit Ösen, zwei Stück im Paket",
        "Kabelloser Kopfhörer mit Mikrofon und langer Akkulaufzeit, faltbar",
        "Vogelhaus aus Holz",
        "Ersatzteil für Waschmaschinen: Dichtung der Tür, passend für die meisten Geräte",
        "Gesichtscreme gegen trockene Haut, ohne Duftstoffe, von Hautärzten empfohlen",
    ],
    "French": [
        "Montre élégante pour femme avec bracelet en cuir, étanche, boîtier en acier inoxydable",
        "Couteau de cuisine tranchant et durable, avec manche antidérapant et étui de protection",
        "Couverture douce pour bébé, lavable à soixante degrés, disponible en plusieurs couleurs",
        "Rideaux occultants pour le salon, à œillets, lot de deux pièces",
        "Casque sans fil avec microphone et longue autonomie, pliable",
        "Maison pour oiseaux en bois",
        "Pièce de rechange pour lave-linge : joint de la porte, convient à la plupart des appareils",
        "Crème pour le visage contre la peau sèche, sans parfum, recommandée par les dermatologues",
    ],
    "Spanish": [
        "Reloj elegante para mujer con correa de cuero, resistente al agua, caja de acero inoxidable",
        "Cuchillo de cocina afilado y duradero, con mango antideslizante y funda protectora",
        "Manta suave para bebé, lavable a sesenta grados, disponible en varios colores",
        "Cortinas opacas para el salón, con ojales, paquete de dos piezas",
        "Auriculares inalámbricos con micrófono y batería de larga duración, plegables",
        "Casita de madera para pájaros",
        "Pieza de repuesto para lavadora: junta de la puerta, válida para la mayoría de los aparatos",
        "Crema facial para la piel seca, sin perfume, recomendada por dermatólogos",
    ],
    "Russian": [
        "Элегантные женские часы с кожаным ремешком, водонепроницаемые, корпус из нержавеющей стали",
        "Кухонный нож, острый и прочный, с нескользящей ручкой и защитным чехлом",
        "Мягкое детское одеяло из хлопка, можно стирать при шестидесяти градусах",
        "Плотные шторы для гостиной, с люверсами, две штуки в комплекте",
        "Беспроводные наушники с микрофоном",
        "Деревянный скворечник",
    ],
    "Chinese": [
        "女士优雅手表，真皮表带，防水五十米，不锈钢表壳",
        "厨房刀具，锋利耐用，防滑手柄，附保护套",
        "柔软的纯棉婴儿毯，可机洗，多种颜色可选",
        "客厅遮光窗帘，打孔式，两片装",
        "无线蓝牙耳机，带麦克风，续航时间长，可折叠",
        "木制鸟屋",
    ],
    "lorem ipsum": [
        "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore",
        "Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut aliquip ex ea commodo consequat",
        "Duis aute irure dolor in reprehenderit in voluptate velit esse cillum dolore eu fugiat nulla pariatur",
        "Excepteur sint occaecat cupidatat non proident, sunt in culpa qui officia deserunt mollit anim id est laborum",
    ],
    "English, no products": [
        "The committee decided yesterday that the election would be postponed until the court had heard the appeal",
        "Whether gravity can be quantised remains an open question that divides theoretical physicists",
        "She remembered how her grandfather had walked along the river every evening before the war began",
        "Parliament rejected the treaty because ministers feared unemployment and inflation would rise again",
        "Volcanoes erupt where tectonic plates collide, and ash may travel thousands of miles across oceans",
        "My brother laughed when the priest forgot his sermon during our cousin's funeral",
    ],
}
ROWS = ["qwertyuiop", "asdfghjkl", "zxcvbnm"]


def random_letters(rng: np.random.Generator) -> str:
    """Return words of random letters."""
    return " ".join("".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), rng.integers(3, 11))) for _ in range(12))


def keyboard_noise(rng: np.random.Generator) -> str:
    """Return what comes from playing on a keyboard: runs of neighbouring keys."""
    words = []
    for _ in range(rng.integers(2, 8)):
        row = ROWS[rng.integers(3)]
        start, length = rng.integers(len(row) - 2), rng.integers(3, 6)
        words.append(row[start : start + length] * rng.integers(1, 3))
    return " ".join(words)


def noise(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (240, 240, 3), dtype=np.uint8)


def flat(rng: np.random.Generator) -> np.ndarray:
    return np.full((240, 240, 3), rng.integers(0, 256, 3), dtype=np.uint8)


def gradient(rng: np.random.Generator) -> np.ndarray:
    """Return two colours that blend into each other."""
    ends, steps = rng.integers(0, 256, (2, 3)), np.linspace(0, 1, 240)[:, None, None]
    return np.broadcast_to(ends[0] + (ends[1] - ends[0]) * steps, (240, 240, 3)).astype(np.uint8)


def screenshot(rng: np.random.Generator) -> np.ndarray:
    """Return lines of black text on a light ground, below a bar, as in a screenshot."""
    image = np.full((480, 640, 3), rng.integers(225, 256), dtype=np.uint8)
    image[:40] = rng.integers(30, 200, 3)
    for line in range(70, 470, 22):
        text = random_letters(rng)[: rng.integers(20, 70)]
        cv2.putText(image, text, (20, line), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (30, 30, 30), 1, cv2.LINE_AA)
    return image


def chart(rng: np.random.Generator) -> np.ndarray:
    """Return a bar chart."""
    image = np.full((400, 600, 3), 255, dtype=np.uint8)
    for left in range(60, 560, 50):
        top = int(rng.integers(60, 340))
        cv2.rectangle(image, (left, top), (left + 35, 350), (31, 119, 180), -1)
    cv2.line(image, (50, 350), (580, 350), (0, 0, 0), 2)
    cv2.line(image, (50, 40), (50, 350), (0, 0, 0), 2)
    cv2.putText(image, "sales", (250, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 0, 0), 1, cv2.LINE_AA)
    return image


def landscape(rng: np.random.Generator) -> np.ndarray:
    """Return a random part of a photograph that shows no product: a temple, a flower, a portrait."""
    import matplotlib
    import sklearn.datasets

    folder = Path(sklearn.datasets.__file__).parent / "images"
    portrait = Path(matplotlib.get_data_path()) / "sample_data/grace_hopper.jpg"
    image = cv2.imread(str([folder / "china.jpg", folder / "flower.jpg", portrait][rng.integers(3)]))[..., ::-1]
    side = int(min(image.shape[:2]) * rng.uniform(0.5, 1))
    top, left = (int(rng.integers(0, length - side + 1)) for length in image.shape[:2])
    return image[top : top + side, left : left + side]


IMAGES: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "noise": noise,
    "one colour": flat,
    "gradient": gradient,
    "screenshot of text": screenshot,
    "bar chart": chart,
    "photograph without a product": landscape,
}
NONSENSE: dict[str, Callable[[np.random.Generator], str]] = {
    "random letters": random_letters,
    "keyboard noise": keyboard_noise,
}
