/** Recordings made to hang the player or to fill its memory: each in a session of its own. */

import { checkpoint } from "../recording.ts";

export interface Heavy {
  name: string;
  /** Events of its only chunk, as lines. */
  lines: () => string[];
  /** Whether its page can be shown at all. */
  shown: boolean;
}

const line = (value: unknown) => JSON.stringify(value);
const element = (id: number, childNodes: object[] = [], attributes: object = {}) => ({
  type: 2,
  tagName: "i",
  attributes,
  childNodes,
  id,
});
const mutation = (timestamp: number, fields: object) =>
  line({
    type: 3,
    timestamp,
    data: { source: 0, texts: [], attributes: [], removes: [], adds: [], ...fields },
  });

export function heavyCases(startMs: number): Heavy[] {
  const start = (body: object[] = []) => checkpoint(startMs, 0, body).map(line);
  const nested = (depth: number) =>
    `${'{"type":2,"tagName":"i","attributes":{},"id":9999,"childNodes":['.repeat(depth)}${"]}".repeat(depth)}`;
  const withNested = (depth: number) => {
    const [meta, snapshot] = start([{ type: 3, textContent: "NESTED", id: 5000 }]) as [
      string,
      string,
    ];
    return [meta, snapshot.replace(/\{"type":3,"textContent":"NESTED","id":5000\}/, nested(depth))];
  };
  return [
    {
      name: "600,000 nodes",
      shown: false,
      lines: () => start(Array.from({ length: 600_000 }, (_, i) => element(1000 + i))),
    },
    {
      name: "60,000 nodes",
      shown: true,
      lines: () => start(Array.from({ length: 60_000 }, (_, i) => element(1000 + i))),
    },
    { name: "a tree 5,000 deep", shown: true, lines: () => withNested(5_000) },
    { name: "JSON 200,000 deep", shown: false, lines: () => withNested(200_000) },
    {
      name: "a chain of 20,000 additions",
      shown: true,
      lines: () => [
        ...start(),
        mutation(startMs + 200, {
          adds: Array.from({ length: 20_000 }, (_, i) => ({
            parentId: i === 0 ? 7 : 10_000 + i - 1,
            nextId: null,
            node: element(10_000 + i),
          })),
        }),
      ],
    },
    {
      name: "additions that wait for each other",
      shown: true,
      lines: () => [
        ...start(),
        mutation(startMs + 200, {
          adds: Array.from({ length: 3_000 }, (_, i) => ({
            parentId: 7,
            nextId: 20_000 + ((i + 1) % 3_000),
            node: element(20_000 + i),
          })),
        }),
      ],
    },
    {
      name: "20,000 changes of what is not there",
      shown: true,
      lines: () => [
        ...start(),
        ...Array.from({ length: 20_000 }, (_, i) =>
          mutation(startMs + 200, {
            removes: [{ parentId: 7, id: 50_000 + i }],
            texts: [{ id: 60_000 + i, value: "x" }],
          }),
        ),
      ],
    },
    {
      name: "an attribute of 20 MB",
      shown: true,
      lines: () => start([element(1000, [], { title: "x".repeat(20_000_000) })]),
    },
    {
      name: "a class of 2 MB and a style of 2 MB",
      shown: true,
      lines: () =>
        start([
          element(1000, [], { class: "x ".repeat(1_000_000), style: "color:red;".repeat(200_000) }),
        ]),
    },
    {
      name: "CSS made for a slow search",
      shown: true,
      lines: () =>
        start([
          {
            type: 2,
            tagName: "style",
            attributes: {},
            id: 1000,
            childNodes: [
              {
                type: 3,
                id: 1001,
                isStyle: true,
                textContent: `${"url(".repeat(200_000)}${"@import ".repeat(50_000)}${"url('\\\\".repeat(50_000)}`,
              },
            ],
          },
        ]),
    },
    {
      name: "100,000 positions in one event",
      shown: true,
      lines: () => [
        ...start(),
        line({
          type: 3,
          timestamp: startMs + 300,
          data: {
            source: 1,
            positions: Array.from({ length: 100_000 }, (_, i) => ({
              x: i,
              y: i,
              id: 7,
              timeOffset: -i / 200,
            })),
          },
        }),
      ],
    },
    {
      name: "times that are none",
      shown: true,
      lines: () => [
        ...start(),
        '{"type":3,"timestamp":1e999,"data":{"source":0}}',
        '{"type":3,"timestamp":-5,"data":{"source":2,"type":2,"id":7,"x":1,"y":1}}',
        '{"type":3,"timestamp":1e300,"data":{"source":2,"type":2,"id":7,"x":1,"y":1}}',
        '{"type":3,"timestamp":"x","data":{"source":2}}',
        '{"type":3,"timestamp":null,"data":{"source":2}}',
        mutation(startMs + 400, {}),
      ],
    },
    {
      name: "a window of 30,000 by 30,000",
      shown: true,
      lines: () => [
        line({
          type: 4,
          timestamp: startMs,
          data: { href: "https://clock.example/", width: 30_000, height: 30_000 },
        }),
        ...start().slice(1),
      ],
    },
    {
      name: "a snapshot of another form",
      shown: false,
      lines: () => [
        ...start().slice(0, 1),
        line({
          type: 2,
          timestamp: startMs + 40,
          data: { node: { type: 0, childNodes: {}, id: 1 }, initialOffset: null },
        }),
      ],
    },
  ];
}
