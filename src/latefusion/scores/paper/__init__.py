"""The tables of two papers, of any experiment that has what they compare.

Zahavy et al., "Is a picture worth a thousand words? A Deep Multi-Modal Fusion Architecture for Product Classification
in e-commerce", 2016: policies that choose between a text and an image network (`selection`), the error analysis with
its map of the text network's last hidden layer (`hidden`). Wirojwatanakul and Wangperawong, "Multi-Label Product
Categorization Using Multi-Modal Fusion Models", 2019: fusion of two and of three inputs (`inputs`).
"""
