"""A shop's export as it comes: another separator, encoding and names, products without any content, repeated ids."""

import pandas as pd
from helpers.configs import TINY_TRANSFORMER
from helpers.tables import shop_products, table_config


def test_an_untidy_export_is_prepared_trained_and_predicted(workspace):
    rows = [{"SKU": row["id"], "Name": f"{row['title']} décoré", "Category": row["label"]} for row in shop_products()]
    for row in rows[:5] + rows[40:42]:
        row["Name"] = ""
    lines = ["SKU;Name;Category", *(";".join(row.values()) for row in rows), "p9;another;lamp", "new;;"]
    (workspace.folder / "shop").mkdir()
    (workspace.folder / "shop/products.csv").write_bytes("\n".join(lines).encode("cp1252"))
    experiment = table_config()
    del experiment["catalogue"]["columns"]["label"]
    experiment["catalogue"] |= {"missing_titles": "keep", "repeated_ids": "drop"}
    experiment["experts"]["text"] = TINY_TRANSFORMER
    experiment["policies"]["only"]["experts"] = ["tfidf", "text"]
    workspace.write_config(experiment)
    workspace.run_all()
    products = pd.read_parquet(workspace.run_root / "catalogue/products.parquet")
    assert len(products) == len(rows) + 1
    assert (products["title"] == "").sum() == 8
    assert products.loc["p9", "title"].endswith("décoré")
    issues = pd.read_csv(workspace.run_root / "catalogue/row_issues.csv")
    assert issues["action"].value_counts().to_dict() == {"kept": 8, "dropped": 1}
    predictions = pd.read_csv(workspace.folder / "submissions/tiny/predictions.tsv", sep="\t", index_col="id")
    assert predictions.loc["new", "split"] == "new"
    assert predictions["confidence"].between(0, 1).all()
