"""Write the generated pages."""

from __future__ import annotations

from tools.docs.pages import ROOT, pages


def main() -> None:
    """Write every page that differs, and say which."""
    for path, content in pages().items():
        if not path.exists() or path.read_text() != content:
            path.write_text(content)
            print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
