"""The templates of pages, and the look that they share."""

from __future__ import annotations

from importlib.resources import files

from jinja2 import DictLoader, Environment, StrictUndefined, Template


def page_template(package: str) -> Template:
    """The `page.html` of a package; it includes `style.css` of this one."""
    sources = {"page.html": files(package) / "page.html", "style.css": files(__package__) / "style.css"}
    loader = DictLoader({name: source.read_text(encoding="utf-8") for name, source in sources.items()})
    return Environment(autoescape=True, undefined=StrictUndefined, loader=loader).get_template("page.html")
