// What the viewer tells, four times a second; connects again by itself, however it ends.

const LOST_MS = 3000;
const AGAIN_MS = 10000;

export class Feed {
  // `told(document)` for every update, `lost()` every second while none comes, `refused()` where the token is wanted.
  constructor({ told, lost, refused }) {
    Object.assign(this, { told, lost, refused });
    this.source = null;
    this.heard = performance.now();
    this.opened = 0;
    setInterval(() => this.look(), 1000);
  }

  open() {
    this.close();
    this.opened = performance.now();
    this.source = new EventSource("events");
    this.source.onmessage = (event) => {
      this.heard = performance.now();
      this.told(JSON.parse(event.data));
    };
    this.source.onerror = () => {
      if (this.source?.readyState === EventSource.CLOSED) this.askWhy();
    };
  }

  close() {
    this.source?.close();
    this.source = null;
  }

  // The browser does not say why a stream was refused.
  async askWhy() {
    try {
      const session = await (await fetch("session")).json();
      if (!session.look) {
        this.close();
        this.refused();
      }
    } catch { /* the viewer is away; `look` tries again */ }
  }

  look() {
    const now = performance.now();
    if (!this.source || now - this.heard < LOST_MS) return;
    this.lost(Math.round((now - this.heard) / 1000));
    if (now - Math.max(this.heard, this.opened) > AGAIN_MS || this.source.readyState === EventSource.CLOSED) this.open();
  }
}
