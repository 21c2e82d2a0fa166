"Hands the requirement lists of settings.ini to setuptools; everything else is in pyproject.toml."

from configparser import ConfigParser
from pathlib import Path

from setuptools import setup

ini = ConfigParser(delimiters=["="])
ini.read(Path(__file__).with_name("settings.ini"), encoding="utf-8")
lists = {k: v.split("\n")[1:] for k, v in ini["DEFAULT"].items()}
extras = {
    name.removesuffix("_requirements"): wanted for name, wanted in lists.items() if name.endswith("_requirements")
}
setup(install_requires=lists["requirements"], extras_require=extras)
