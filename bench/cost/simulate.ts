// A day of traffic, second by second, through queue, event source mapping and function: dollars, lag and concurrency.

import { GB, MONTH_DAYS, PRICES } from "./prices.ts";

/** Traffic over a day. */
export interface Shape {
  name: string;
  /** Sessions that begin in an hour, for a moment of the day in seconds. */
  sessionsPerHour: (second: number) => number;
  session: { minutes: number; uploads: number; uploadBytes: number };
}

/** What can be set: parameters of `infra/aws/template.yaml`. */
export interface Settings {
  windowS: number;
  batchMax: number;
  concurrencyMax: number;
  memoryMb: number;
}

/** What one thing costs in time and requests. */
export interface Measured {
  /** Worker's CPU for one upload, ms. */
  edgeCpuMs: number;
  /** The indexer's time on a whole processor, ms: for an invocation whatever is in it, for a chunk's events, and for a message beside these. */
  cpuMs: { invocation: number; chunk: number; message: number };
  /** How long the bucket takes to answer, ms. */
  answerMs: number;
  /** Messages whose answers an invocation waits for at once. */
  parallel: number;
  /** Requests to the bucket by the edge for one upload, config and index looked up anew included. */
  upload: Requests;
  /** By the indexer over a session's life, beside what an invocation asks for once. */
  session: Requests;
  /** Kinds of messages: how many a session has, and what an invocation asks for once that has any of them. */
  kinds: { kind: string; messages: number; once: Requests }[];
  /** Bytes that a session leaves beside its chunks: manifest, rows, its share of tapes. */
  derivedBytes: number;
}

/** Requests to the bucket: PUT and LIST, and GET. */
export interface Requests {
  writes: number;
  reads: number;
}

export interface Outcome {
  dollarsPerMonth: Record<string, number>;
  dollarsPerThousandSessions: number;
  sessionsPerDay: number;
  invocationsPerDay: number;
  /** How long a message waits, from its PUT or behind its delay, until its work is done, s. */
  lag: { median: number; p99: number; worst: number };
  concurrencyPeak: number;
  /** Messages that wait to be received, and that were received and are not done with, at most. */
  queuedPeak: number;
  inFlightPeak: number;
  /** Rates a second, averaged over the busiest minute of each: uploads and looks, and requests to the bucket. */
  peak: { messages: number; storeWrites: number; storeReads: number };
}

const CHUNK_DAYS = 14;
/** Of an invocation: a line of numbers, and Lambda's START, END and REPORT. */
const LOG_BYTES = 900;
const POLLERS_FIRST = 5;
/** https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html: 300 more a minute. */
const POLLERS_GROWTH_PER_S = 5;
const POLLERS_MAX = 1250;
/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html: then nothing more is received. */
const IN_FLIGHT_MAX = 120_000;
/** Memory at which a function has one whole processor: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html */
const PROCESSOR_MB = 1769;

/** Messages of a session: its uploads' events, its looks and its end. */
export function messagesOf({ kinds }: Measured, uploads: number): number {
  return kinds.reduce(
    (sum, { kind, messages }) => sum + (kind === "chunk" ? uploads - 1 : messages),
    0,
  );
}

/** What an invocation with so many messages asks the bucket for once, on average. */
function askedOnce({ kinds }: Measured, messagesOfSession: number, count: number): Requests {
  const sum = { writes: 0, reads: 0 };
  for (const { messages, once } of kinds) {
    const any = 1 - Math.max(0, 1 - messages / messagesOfSession) ** count;
    sum.writes += any * once.writes;
    sum.reads += any * once.reads;
  }
  return sum;
}

/** How long an invocation takes, ms: its requests one after another for each of the messages that go at once, and its share of a processor. */
export function invocationMs(
  measured: Measured,
  memoryMb: number,
  uploads: number,
  count: number,
): number {
  const { answerMs, parallel, cpuMs, session } = measured;
  const messagesOfSession = messagesOf(measured, uploads);
  const of = ({ writes, reads }: Requests) => writes + reads;
  const answers =
    of(askedOnce(measured, messagesOfSession, count)) +
    ((of(session) / messagesOfSession) * count) / Math.min(parallel, Math.max(1, count));
  const cpu =
    cpuMs.invocation + count * (cpuMs.message + (cpuMs.chunk * uploads) / messagesOfSession);
  return answers * answerMs + cpu * Math.max(1, PROCESSOR_MB / memoryMb);
}

interface Poller {
  /** Until when it runs an invocation, s. */
  busyUntil: number;
  /** What it has gathered: arrivals by second. */
  gathered: { at: number; count: number }[];
  count: number;
  /** Of what it runs. */
  working: number;
}

/** Plays one day, after an hour of its first rate to fill the queue, and scales money to a month. */
export function simulate(shape: Shape, settings: Settings, measured: Measured): Outcome {
  const { session } = shape;
  const queue: { at: number; count: number }[] = [];
  let queued = 0;
  const pollers: Poller[] = [];
  const grow = (to: number) => {
    while (pollers.length < Math.min(to, settings.concurrencyMax, POLLERS_MAX)) {
      pollers.push({ busyUntil: -Infinity, gathered: [], count: 0, working: 0 });
    }
  };
  grow(POLLERS_FIRST);

  const lags = new Map<number, number>();
  const messagesOfSession = messagesOf(measured, session.uploads);
  const ofMessage = {
    writes: measured.session.writes / messagesOfSession,
    reads: measured.session.reads / messagesOfSession,
  };
  const total = { sessions: 0, messages: 0, invocations: 0, writes: 0, reads: 0, lambdaMs: 0 };
  let concurrencyPeak = 0;
  let queuedPeak = 0;
  let inFlightPeak = 0;
  const peak = { messages: 0, storeWrites: 0, storeReads: 0 };
  const minute = { ...peak };
  let owed = 0;

  const warmUp = 3600;
  for (let second = -warmUp; second < 86_400; second++) {
    const counted = second >= 0;
    const sessionsNow = shape.sessionsPerHour(Math.max(0, second)) / 3600;
    // Fractions are carried on, so that one upload a minute is one upload a minute.
    owed += sessionsNow * messagesOfSession;
    const arrived = Math.floor(owed);
    owed -= arrived;
    if (arrived > 0) {
      queue.push({ at: second, count: arrived });
      queued += arrived;
    }
    const asked = { writes: 0, reads: 0 };
    let running = 0;
    let free = 0;
    let inFlight = 0;
    for (const poller of pollers) {
      const isBusy = poller.busyUntil > second;
      if (!isBusy && poller.working > 0) poller.working = 0;
      inFlight += poller.count + poller.working;
      if (isBusy) running++;
      else free++;
    }
    for (const poller of pollers) {
      if (poller.busyUntil > second) continue;
      const share = Math.ceil(queued / Math.max(1, free--));
      const most = Math.min(share, settings.batchMax - poller.count, IN_FLIGHT_MAX - inFlight);
      const gathered = gather(poller, queue, most);
      queued -= gathered;
      inFlight += gathered;
      const first = poller.gathered[0];
      if (!first) continue;
      const waited = second - first.at;
      if (poller.count < settings.batchMax && waited < settings.windowS) continue;
      const ms = invocationMs(measured, settings.memoryMb, session.uploads, poller.count);
      const own = askedOnce(measured, messagesOfSession, poller.count);
      const end = second + ms / 1000;
      if (counted) {
        total.invocations++;
        total.writes += own.writes;
        total.reads += own.reads;
        total.lambdaMs += ms;
        for (const { at, count } of poller.gathered) {
          const lag = Math.round((end - at) * 10) / 10;
          lags.set(lag, (lags.get(lag) ?? 0) + count);
        }
      }
      asked.writes += own.writes + poller.count * ofMessage.writes;
      asked.reads += own.reads + poller.count * ofMessage.reads;
      running++;
      poller.busyUntil = end;
      poller.gathered = [];
      poller.working = poller.count;
      poller.count = 0;
    }
    if (queued > 0) grow(pollers.length + POLLERS_GROWTH_PER_S);
    else if (pollers.length > POLLERS_FIRST && running < pollers.length / 4)
      shrink(pollers, second);
    if (!counted) continue;
    total.sessions += sessionsNow;
    total.messages += arrived;
    concurrencyPeak = Math.max(concurrencyPeak, running);
    queuedPeak = Math.max(queuedPeak, queued);
    inFlightPeak = Math.max(inFlightPeak, inFlight);
    minute.messages += arrived;
    const uploads = sessionsNow * session.uploads;
    minute.storeWrites += uploads * measured.upload.writes + asked.writes;
    minute.storeReads += uploads * measured.upload.reads + asked.reads;
    if (second % 60 < 59) continue;
    for (const what of ["messages", "storeWrites", "storeReads"] as const) {
      peak[what] = Math.max(peak[what], minute[what] / 60);
      minute[what] = 0;
    }
  }

  return {
    ...money(total, session, settings, measured),
    sessionsPerDay: total.sessions,
    invocationsPerDay: total.invocations,
    lag: quantiles(lags),
    concurrencyPeak,
    queuedPeak,
    inFlightPeak,
    peak,
  };
}

/** Takes one idle poller away. */
function shrink(pollers: Poller[], second: number): void {
  const last = pollers.at(-1);
  if (last && last.count === 0 && last.busyUntil <= second) pollers.pop();
}

/** Moves at most `most` messages from the queue's head to a poller, and returns how many. */
function gather(poller: Poller, queue: { at: number; count: number }[], most: number): number {
  let moved = 0;
  while (moved < most) {
    const head = queue[0];
    if (!head) break;
    const count = Math.min(head.count, most - moved);
    poller.gathered.push({ at: head.at, count });
    head.count -= count;
    moved += count;
    if (head.count === 0) queue.shift();
  }
  poller.count += moved;
  return moved;
}

function money(
  total: {
    sessions: number;
    messages: number;
    invocations: number;
    writes: number;
    reads: number;
    lambdaMs: number;
  },
  session: Shape["session"],
  settings: Settings,
  measured: Measured,
): Pick<Outcome, "dollarsPerMonth" | "dollarsPerThousandSessions"> {
  const { s3, sqs, lambda, logs, worker } = PRICES;
  const uploads = total.sessions * session.uploads;
  const of = (kind: "writes" | "reads"): number =>
    uploads * measured.upload[kind] + total[kind] + total.sessions * measured.session[kind];
  // The daily sweep lists every chunk there is, a thousand at once.
  const writes = of("writes") + (uploads * CHUNK_DAYS) / 1000;
  // Compaction reads each file of rows once.
  const reads = of("reads") + total.writes;
  // Sent by the bucket or by the function itself, received and deleted up to ten at a time.
  const messages = total.messages * 1.2;
  const stored =
    total.sessions * (session.uploads * session.uploadBytes + measured.derivedBytes) * CHUNK_DAYS;
  const day = {
    "Worker requests": uploads * worker.request,
    "Worker CPU": uploads * measured.edgeCpuMs * worker.cpuMs,
    "bucket writes": writes * s3.write,
    "bucket reads": reads * s3.read,
    queue: messages * sqs.request,
    "Lambda requests": total.invocations * lambda.request,
    "Lambda time": (total.lambdaMs / 1000) * (settings.memoryMb / 1024) * lambda.gbSecond,
    logs: ((total.invocations * LOG_BYTES) / GB) * logs.gb,
    storage: ((stored / GB) * s3.gbMonth) / MONTH_DAYS,
  };
  const dollarsPerMonth = Object.fromEntries(
    Object.entries(day).map(([what, dollars]) => [what, dollars * MONTH_DAYS]),
  );
  const sum = Object.values(day).reduce((a, b) => a + b, 0);
  return { dollarsPerMonth, dollarsPerThousandSessions: (sum / total.sessions) * 1000 };
}

function quantiles(lags: Map<number, number>): Outcome["lag"] {
  const sorted = [...lags].sort(([a], [b]) => a - b);
  const all = sorted.reduce((sum, [, count]) => sum + count, 0);
  const at = (share: number) => {
    let seen = 0;
    for (const [lag, count] of sorted) {
      seen += count;
      if (seen >= share * all) return lag;
    }
    return 0;
  };
  return { median: at(0.5), p99: at(0.99), worst: sorted.at(-1)?.[0] ?? 0 };
}
