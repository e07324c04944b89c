"""A small made-up shop in a folder, as a shop would export it: one table with a category per product, and photos.

For the notebook that goes from a table to predictions on new products. The columns have names that shops use; 3 % of
the categories are wrong on purpose.
"""

from pathlib import Path

from latefusion.config import SampleConfig
from latefusion.utils.errors import InputError
from sample_catalogue.several.plan import Product, plan_products
from sample_catalogue.several.vocabulary import TYPES
from sample_catalogue.write import write_csv, write_images

COLUMNS = ("sku", "name", "description", "photo")
STRANGER = ("X000001", "Gutschein für einen Kochkurs im Schwarzwald", "Einlösbar an allen Wochenenden.", "")


def draw_shop(folder: Path, *, products: int, seed: int = 2020) -> None:
    """Write `products.csv` (four fifths of the products, with their category), `new.csv` (the others) and `images/`.

    The last row of `new.csv` is unlike all products: a voucher, in German, without a photo. Raises InputError, and
    writes nothing, if the folder has files.
    """
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} has files already: the example is drawn into a new folder only")
    sample = SampleConfig(products=products, seed=seed, image_size=96, label_noise=0.03, missing_descriptions=0.2)
    planned = plan_products(sample)
    train = [product for product in planned if product.split == "train"]
    new = [product for product in planned if product.split != "train"]
    folder.mkdir(parents=True, exist_ok=True)
    write_images(planned, folder, "table", seed=seed, size=sample.image_size, workers=1)
    write_csv(folder / "new.csv", COLUMNS, [*map(_cells, new), STRANGER])
    write_csv(folder / "products.csv", (*COLUMNS, "category"), [(*_cells(one), _category(one)) for one in train])


def _cells(product: Product) -> tuple[str, ...]:
    return product.id, product.title, product.description, f"images/{product.image_name}"


def _category(product: Product) -> str:
    """Return the department; where the plan has a wrong label, the one that follows it."""
    departments, right = list(TYPES), product.truth[0]
    if product.labels == product.truth:
        return right
    return departments[(departments.index(right) + 1) % len(departments)]
