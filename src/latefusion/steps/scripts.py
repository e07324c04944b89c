"""The steps of an experiment and their numbered scripts: the only module that knows the scripts' names."""

SCRIPTS = {
    "sample": "00_draw_sample.py",
    "prepare": "01_prepare.py",
    "text": "02_train_text.py",
    "denoise": "03_denoise.py",
    "image": "04_train_image.py",
    "dcl": "05_train_dcl.py",
    "joint": "06_train_joint.py",
    "fuse": "07_fuse.py",
    "vote": "08_vote.py",
    "predict": "09_predict.py",
    "validate": "10_validate.py",
    "compare": "11_compare_runs.py",
    "export": "12_export_model.py",
    "predict_new": "13_predict_new.py",
    "fetch_images": "14_fetch_images.py",
    "serve": "15_serve.py",
    "paper_tables": "16_paper_tables.py",
}
