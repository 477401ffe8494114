// What a page can have its visitor's browser send. `attempts` are [method, url, body]; returns what
// the page gets to see of the answers, and how many requests it could send without asking first.
async (attempts) => {
  const seen = [];
  let simple = 0;

  const ask = async (url, options) => {
    try {
      const answer = await fetch(url, options);
      if (answer.type !== "opaque") seen.push([options.method, url, answer.status]);
    } catch (error) { /* as it should be */ }
  };

  const fetches = ([method, url, body]) => {
    const ways = [{ method, headers: { "Content-Type": "application/json" } }];
    if (method === "GET") ways.push({ method, mode: "no-cors" });
    if (method === "POST") {
      ways.push({ method, mode: "no-cors" });
      for (const sent of [body, new Blob([body]), new URLSearchParams({ body })]) {
        ways.push({ method, mode: "no-cors", body: sent });
      }
    }
    simple += ways.filter((way) => way.mode === "no-cors").length;
    if (method !== "GET") ways[0].body = body;
    return ways.map((way) => ask(url, way));
  };

  const frame = () => {
    const made = document.createElement("iframe");
    made.name = `frame-${document.querySelectorAll("iframe").length}`;
    document.body.append(made);
    return made;
  };

  const form = (url, body, enctype) => new Promise((resolve) => {
    const target = frame();
    const made = Object.assign(document.createElement("form"), {
      method: "POST", action: url, enctype, target: target.name,
    });
    // As text/plain, the whole is the JSON of the body and a field that is too much.
    const name = body.replace(/}$/, body === "{}" ? '"a":"' : ',"a":"');
    made.append(Object.assign(document.createElement("input"), { name, value: '"}' }));
    document.body.append(made);
    target.onload = resolve;
    made.submit();
    simple += 1;
  });

  const forms = ([method, url, body]) => (method !== "POST" ? [] : [
    "application/x-www-form-urlencoded", "multipart/form-data", "text/plain",
  ].map((enctype) => form(url, body, enctype)));

  const loaded = (kind, url) => new Promise((resolve) => {
    const made = kind === "iframe" ? frame() : document.createElement(kind);
    made.onload = () => {
      if (kind !== "iframe") seen.push([kind, url, "loaded"]);
      resolve();
    };
    made.onerror = resolve;
    made.src = url;
    if (kind !== "iframe") document.body.append(made);
    simple += 1;
  });

  const loads = ([method, url]) => (method !== "GET" ? []
    : ["img", "script", "iframe"].map((kind) => loaded(kind, url)));

  const socket = ([method, url]) => new Promise((resolve) => {
    const made = new WebSocket(url.replace("http", "ws"));
    made.onopen = () => { seen.push(["socket", url, "open"]); resolve(); };
    made.onerror = resolve;
  });

  await Promise.all(attempts.flatMap((attempt) => [
    ...fetches(attempt), ...forms(attempt), ...loads(attempt),
    ...(attempt[1].includes("websocket") ? [socket(attempt)] : []),
  ]));
  return { seen, simple };
}
