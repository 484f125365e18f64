// List prices in US dollars, November 2026, us-east-1, without free tiers. Look them up again before you rely on them.

export const PRICES = {
  /** https://aws.amazon.com/s3/pricing/ */
  s3: {
    /** PUT, COPY, POST, LIST. */
    write: 0.005 / 1000,
    /** GET and everything else; DELETE is free. */
    read: 0.0004 / 1000,
    /** Standard, first 50 TB. */
    gbMonth: 0.023,
    /** A lifecycle rule that removes costs nothing. */
    expiry: 0,
    /** Out to the internet, first 10 TB: what viewers download. */
    gbOut: 0.09,
  },
  /** https://aws.amazon.com/sqs/pricing/: a request is up to 64 KB; up to ten messages share one. */
  sqs: { request: 0.4 / 1e6 },
  /** https://aws.amazon.com/lambda/pricing/, arm64. */
  lambda: { request: 0.2 / 1e6, gbSecond: 0.0000133334 },
  /** https://aws.amazon.com/cloudwatch/pricing/: what is written into logs; keeping it is a hundredth of that. */
  logs: { gb: 0.5 },
  /** https://developers.cloudflare.com/workers/platform/pricing/, the paid plan. */
  worker: {
    planMonth: 5,
    request: 0.3 / 1e6,
    requestsIncluded: 10e6,
    cpuMs: 0.02 / 1e6,
    cpuMsIncluded: 30e6,
  },
} as const;

/** Bytes in what S3 bills as a GB. */
export const GB = 2 ** 30;
/** Days in what clouds bill as a month. */
export const MONTH_DAYS = 365 / 12;
