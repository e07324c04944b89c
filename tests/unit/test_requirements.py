"""An environment that was not made here is used if its packages fit; otherwise it is said what is missing."""

from latefusion.utils.requirements import Comparison, compare, main, read_pins, report

PINS = {
    "pandas": "3.1.1",
    "torch": "2.15.0",
    "accelerate": "1.15.0",
    "timm": "0.9.1",
    "opencv-python-headless": "5.0.0",
}


def found(**installed: str) -> Comparison:
    names = {name.replace("_", "-"): number for name, number in installed.items()}
    return compare(PINS, names.get)


def test_the_same_versions_and_builds_of_them_are_used_without_a_word():
    same = found(pandas="3.1.1", torch="2.15.0+cpu", accelerate="1.15.0", timm="0.9.1", opencv_contrib_python="5.0.0")
    assert report(same, "python") == ("", True)


def test_smaller_differences_are_named():
    near = found(pandas="3.0.2", torch="2.9.0", accelerate="1.15.0", timm="0.9.1", opencv_python="5.0.0")
    text, usable = report(near, "python")
    assert usable
    assert "pandas 3.0.2 (tested: 3.1.1)" in text
    assert "torch 2.9.0" in text
    assert "timm" not in text


def test_what_is_missing_or_of_another_series_is_refused_with_the_command_that_installs_it():
    text, usable = report(found(pandas="2.2.2", torch="2.15.0", timm="0.8.0", opencv_python="5.0.0"), "/opt/python")
    assert not usable
    assert "/opt/python -m pip install accelerate==1.15.0 pandas==3.1.1 timm==0.9.1" in text
    assert "VERSIONS=any" not in text  # something is missing: no version of it would do


def test_other_versions_may_be_tried(monkeypatch, capsys):
    monkeypatch.setattr("latefusion.utils.requirements._installed", lambda name: "0.0.1")
    assert main([]) == 2
    assert "VERSIONS=any" in capsys.readouterr().err
    assert main(["--any-version"]) == 0


def test_the_pins_are_those_of_the_project():
    needed, every = read_pins(), read_pins(every=True)
    assert {"torch", "pydantic"} <= set(needed) <= set(every)
    assert "pytest" in set(every) - set(needed)
    assert not any(name.endswith("-model") for name in needed)
