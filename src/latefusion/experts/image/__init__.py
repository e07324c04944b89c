"""Image experts: a timm classifier (`cnn`), and destruction and construction learning (`dcl`)."""
