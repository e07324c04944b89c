"""The report that people look at: one HTML file per experiment, `submissions/<experiment>/report.html`.

It opens from the file system, without a network, on a desk and on a phone, light or dark. The step `vote` writes it
whenever scores are made. Scores and tables are those of `scores`; the lists of products to look through, with their
images, are made here.

- `page`: puts everything together with Jinja2, which escapes every title, label and id, and says how the charts are
  drawn;
- `facts`: the numbers on top; `charts`, `curves`: what each chart shows; `products`: the products that are decided
  wrongly; `issues`: the products whose label may be wrong; `thumbnails`: their images, small;
- `page/`: the template, the style, the scripts and, in `vendor/`, the chart library.
"""

from latefusion.report.page import report_page

__all__ = ["report_page"]
