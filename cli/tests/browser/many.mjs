// A capture of many push subscriptions, some of them in trouble: makes a classic pcap.

const START = Date.UTC(2024, 2, 1, 8) / 1000;
const INTERVAL = 300;

const subscription = (number) => `${number.toString(16).padStart(8, "0")}-0000-4000-8000-000000000000`;

function post(target, number, watermark) {
  const body =
    '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>' +
    '<m:SendNotification xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" ' +
    'xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><m:ResponseMessages>' +
    '<m:SendNotificationResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>' +
    `<m:Notification><t:SubscriptionId>${number}</t:SubscriptionId><t:PreviousWatermark>${watermark}` +
    "</t:PreviousWatermark><t:MoreEvents>false</t:MoreEvents><t:StatusEvent><t:Watermark>" +
    `${watermark}</t:Watermark></t:StatusEvent></m:Notification></m:SendNotificationResponseMessage>` +
    "</m:ResponseMessages></m:SendNotification></s:Body></s:Envelope>";
  return Buffer.from(
    `POST /?id=${target} HTTP/1.1\r\nHost: 10.10.7.44:7080\r\n` +
      `Content-Type: text/xml\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
}

const REPLY = Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");

function frame(seconds, fromExchange, port, seq, ack, flags, payload) {
  const packet = Buffer.alloc(16 + 14 + 40 + payload.length);
  packet.writeUInt32LE(Math.floor(seconds), 0);
  packet.writeUInt32LE(Math.floor((seconds % 1) * 1e6), 4);
  packet.writeUInt32LE(54 + payload.length, 8);
  packet.writeUInt32LE(54 + payload.length, 12);
  packet.writeUInt16BE(0x0800, 28);
  const [source, target] = fromExchange ? [[10, 10, 5, 21], [10, 10, 7, 44]] : [[10, 10, 7, 44], [10, 10, 5, 21]];
  packet.set([0x45, 0], 30);
  packet.writeUInt16BE(40 + payload.length, 32);
  packet.set([128, 6], 38);
  packet.set([...source, ...target], 42);
  packet.writeUInt16BE(fromExchange ? port : 7080, 50);
  packet.writeUInt16BE(fromExchange ? 7080 : port, 52);
  packet.writeUInt32BE(seq, 54);
  packet.writeUInt32BE(ack, 58);
  packet.set([0x50, flags, 0xff, 0xff], 62);
  packet.set(payload, 70);
  return [seconds, packet];
}

/** The bytes of a capture of `count` subscriptions over `hours`; every fiftieth falls silent after the first third. */
export function many(count, hours) {
  const frames = [];
  const rounds = (hours * 3600) / INTERVAL;
  for (let number = 0; number < count; number++) {
    const port = 10000 + number;
    let [seq, ack] = [1000, 2000];
    let at = START + (number * INTERVAL) / count;
    frames.push(frame(at, true, port, seq++, 0, 0x02, Buffer.alloc(0)));
    frames.push(frame(at + 0.001, false, port, ack++, seq, 0x12, Buffer.alloc(0)));
    const last = number % 50 === 7 ? rounds / 3 : rounds;
    for (let round = 0; round < last; round++) {
      const request = post(subscription(number), number, "AQAAAA==");
      frames.push(frame(at + 0.002, true, port, seq, ack, 0x18, request));
      seq += request.length;
      frames.push(frame(at + 0.004, false, port, ack, seq, 0x18, REPLY));
      ack += REPLY.length;
      at += INTERVAL;
    }
  }
  return pcap(frames);
}

/** The bytes of a capture of one subscription that falls silent, and whose name is meant to become markup. */
export function hostile() {
  const evil = `"><img/src=x/onerror=alert(1)><script>alert(2)</script><b><i>`;
  const frames = [];
  for (let round = 0; round < 20; round += round < 4 ? 1 : 8) {
    const request = post(evil, `</title><script>alert(3)</script>`, "AQAAAA==");
    const at = START + round * INTERVAL;
    frames.push(frame(at, true, 10000 + round, 1, 1, 0x18, request));
    frames.push(frame(at + 0.1, false, 10000 + round, 1, 1 + request.length, 0x18, REPLY));
  }
  return pcap(frames);
}

function pcap(frames) {
  frames.sort(([a], [b]) => a - b);
  const header = Buffer.from("d4c3b2a1020004000000000000000000ffff000001000000", "hex");
  return Buffer.concat([header, ...frames.map(([, packet]) => packet)]);
}
