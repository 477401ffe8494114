// Search in pages that are read from a disk, where browsers start no workers: a hidden frame runs
// the script of the worker instead. It has the messages and nothing else of a worker.
class IFrameWorker extends EventTarget {
  constructor(url) {
    super();
    const frame = document.createElement("iframe");
    frame.hidden = true;
    document.body.append(frame);
    const inside = frame.contentWindow;
    window.addEventListener("message", (event) => {
      if (event.source === inside) {
        const heard = new MessageEvent("message", { data: event.data });
        this.dispatchEvent(heard);
        this.onmessage?.(heard);
      }
    });
    this.frame = frame;
    this.ready = this.start(inside, new URL(url, location).href);
  }

  // Messages of the script go to the page; scripts that it asks for are loaded one after another.
  start(inside, url) {
    inside.postMessage = (data) =>
      inside.parent.dispatchEvent(new MessageEvent("message", { data, source: inside }));
    inside.importScripts = (...urls) =>
      urls.reduce((before, one) => before.then(() => this.load(inside, one)), Promise.resolve());
    return this.load(inside, url);
  }

  load(inside, url) {
    return new Promise((resolve) => {
      const script = inside.document.createElement("script");
      script.src = url;
      script.addEventListener("load", resolve);
      inside.document.body.append(script);
    });
  }

  async postMessage(data) {
    await this.ready;
    this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data }));
  }

  terminate() {
    this.frame.remove();
  }
}

if (location.protocol === "file:") {
  window.Worker = IFrameWorker;
}
