"""What the tests share: a workspace to run scripts in, tiny configs, made-up products and images, damage."""
