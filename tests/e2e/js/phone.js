// Two JsSIP phones that register, exchange a MESSAGE and a call. What happens is told as JSON lines.
// Usage: node phone.js URL HOST

globalThis.window = globalThis;
globalThis.WebSocket = require("ws");
globalThis.RTCPeerConnection = class {
  // Signalling only: a peer connection that says what a browser would say, and moves no media.
  constructor() { this.iceGatheringState = "complete"; this.iceConnectionState = "connected"; this.signalingState = "stable"; }
  addEventListener() {}
  removeEventListener() {}
  addTrack() {}
  getSenders() { return []; }
  getReceivers() { return []; }
  createOffer() { return Promise.resolve({ type: "offer", sdp: describe("actpass") }); }
  createAnswer() { return Promise.resolve({ type: "answer", sdp: describe("active") }); }
  setLocalDescription(it) { this.localDescription = it; this.signalingState = it.type === "offer" ? "have-local-offer" : "stable"; return Promise.resolve(); }
  setRemoteDescription(it) { this.remoteDescription = it; this.signalingState = it.type === "offer" ? "have-remote-offer" : "stable"; return Promise.resolve(); }
  close() {}
};
globalThis.RTCSessionDescription = class { constructor(it) { Object.assign(this, it); } };
const JsSIP = require("jssip");
const [url, host] = process.argv.slice(2);

function describe(setup) {
  return ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "m=audio 9 UDP/TLS/RTP/SAVPF 111 0", "c=IN IP4 0.0.0.0",
    "a=rtpmap:111 opus/48000/2", "a=rtpmap:0 PCMU/8000", "a=mid:0", "a=sendrecv", "a=rtcp-mux", "a=ice-ufrag:abcd",
    "a=ice-pwd:abcdefghijklmnopqrstuvwx", `a=fingerprint:sha-256 ${Array(32).fill("AB").join(":")}`, `a=setup:${setup}`, ""].join("\r\n");
}

const tell = (event, more = {}) => process.stdout.write(`${JSON.stringify({ event, ...more })}\n`);
const media = { mediaStream: { getTracks: () => [] }, rtcOfferConstraints: {}, pcConfig: {} };

function phone(user) {
  const ua = new JsSIP.UA({
    sockets: [new JsSIP.WebSocketInterface(url)], uri: `sip:${user}@${host}`, password: "secret",
    session_timers: false, register_expires: 60,
  });
  ua.on("registrationFailed", (e) => { tell("registration_failed", { user, cause: e.cause }); process.exit(1); });
  return new Promise((ready) => { ua.once("registered", () => { tell("registered", { user }); ready(ua); }); ua.start(); });
}

function message(from, to) {
  return new Promise((done) => {
    to.once("newMessage", ({ request }) => tell("message", { body: request.body }));
    from.sendMessage(`sip:1002@${host}`, "Grüße aus dem Browser", {
      eventHandlers: { succeeded: () => { tell("message_sent"); done(); }, failed: (e) => { tell("message_failed", { cause: e.cause }); process.exit(1); } },
    });
  });
}

function call(from, to, target) {
  return new Promise((done) => {
    const listener = ({ originator, session }) => {
      if (originator !== "remote") return;
      to.off("newRTCSession", listener);
      session.on("ended", (e) => { tell("callee_ended", { cause: e.cause }); done(); });
      session.on("failed", (e) => { tell("callee_failed", { cause: e.cause }); process.exit(1); });
      session.on("accepted", () => tell("callee_accepted"));
      session.answer(media);
    };
    to.on("newRTCSession", listener);
    const session = from.call(`sip:${target}@${host}`, {
      ...media,
      eventHandlers: {
        progress: () => tell("progress"),
        failed: (e) => { tell("failed", { cause: e.cause, text: String(e.message && e.message.status_code) }); process.exit(1); },
        confirmed: () => { tell("confirmed", { to: target }); setTimeout(() => session.terminate(), 200); },
      },
    });
  });
}

(async () => {
  const [one, two] = [await phone("1001"), await phone("1002")];
  await message(one, two);
  await call(one, two, "1002");
  await call(two, one, "1001");
  one.unregister();
  two.unregister();
  tell("done");
  setTimeout(() => process.exit(0), 300);
})().catch((error) => { tell("error", { text: String(error.stack) }); process.exit(1); });
