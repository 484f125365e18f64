import { expect, it } from "vitest";
import { gathered, type Ranges } from "./ranges.ts";
import { bodyOf } from "./reach.ts";

const never = new AbortController().signal;

it("gives each read of a run its bytes as soon as they are there", async () => {
  const file = Uint8Array.from({ length: 30 }, (_, n) => n);
  let stream: ReadableStreamDefaultController<Uint8Array> | undefined;
  const asked: [number, number][] = [];
  const ranges: Ranges = {
    read(from, to, signal, onpart) {
      asked.push([from, to]);
      const body = new ReadableStream<Uint8Array>({ start: (controller) => (stream = controller) });
      return bodyOf(new Response(body), "the file", to - from, signal, onpart);
    },
  };
  const reader = gathered(ranges, 5, 100);
  const order: string[] = [];
  const read = async (from: number, to: number) => {
    const bytes = await reader.read(from, to, never);
    order.push(`${from}-${to}`);
    expect([...new Uint8Array(bytes)]).toEqual([...file.subarray(from, to)]);
  };
  const [second, first] = [read(12, 20), read(0, 10)];
  await Promise.resolve();
  expect(asked).toEqual([[0, 20]]);
  stream?.enqueue(file.slice(0, 11));
  await first;
  expect(order).toEqual(["0-10"]);
  stream?.enqueue(file.slice(11, 30));
  stream?.close();
  await second;
  expect(order).toEqual(["0-10", "12-20"]);
});

it("gives fewer bytes where the file ends before", async () => {
  const ranges: Ranges = {
    read: (from, to, signal, onpart) =>
      bodyOf(new Response(new Uint8Array(12)), "the file", to - from, signal, onpart),
  };
  const reader = gathered(ranges, 5, 100);
  const reads = await Promise.all([reader.read(0, 10, never), reader.read(10, 20, never)]);
  expect(reads.map(({ byteLength }) => byteLength)).toEqual([10, 2]);
});
