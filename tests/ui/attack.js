// What a page of another origin can try, run in it; every attempt should end as "refused".
async (base) => {
    const out = {};
    const tries = {
        read: () => fetch(base + "/api/start", { credentials: "include" }).then((r) => r.text()),
        blind: () => fetch(base + "/api/start", { mode: "no-cors", credentials: "include" }).then((r) => r.type + r.status),
        undo: () => fetch(base + "/api/projects/ID/undo", { method: "POST", mode: "no-cors", credentials: "include",
            headers: { "content-type": "text/plain" }, body: "{}" }).then((r) => r.type),
        json: () => fetch(base + "/api/projects/ID/undo", { method: "POST", credentials: "include",
            headers: { "content-type": "application/json" }, body: "{}" }).then((r) => r.text()),
        events: () => new Promise((done, fail) => { const s = new EventSource(base + "/api/projects/ID/events",
            { withCredentials: true }); s.onopen = () => done("open"); s.onerror = () => fail("refused"); }),
        image: () => new Promise((done, fail) => { const i = new Image(); i.onload = () => done("seen");
            i.onerror = () => fail("refused"); i.src = base + "/api/projects/ID/videos/VIDEO/frames/0"; }),
        script: () => new Promise((done, fail) => { const s = document.createElement("script");
            s.onload = () => done("ran"); s.onerror = () => fail("refused"); s.src = base + "/"; document.head.append(s); }),
        socket: () => new Promise((done, fail) => { const s = new WebSocket(base.replace("http", "ws") + "/api/start");
            s.onopen = () => done("open"); s.onerror = () => fail("refused"); }),
        form: () => { const f = document.createElement("form"); f.method = "POST"; f.target = "hole";
            f.action = base + "/api/projects/ID/undo"; const h = document.createElement("iframe"); h.name = "hole";
            document.body.append(h, f); f.submit(); return new Promise((r) => setTimeout(() => r("sent"), 400)); },
    };
    for (const [name, attempt] of Object.entries(tries))
        out[name] = await attempt().then((v) => v, (e) => "refused");
    return out;
}
