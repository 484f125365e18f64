interface Voucher {
  code: string;
  percent: number;
}

const vouchers: Voucher[] = [{ code: "THURSDAY", percent: 10 }];

/**
 * Returns what a voucher takes off, and throws a `TypeError` for one that does not exist: the forgotten check is the
 * lab's honest bug, with a stack worth looking at.
 */
export function percentOff(code: string): number {
  const voucher = vouchers.find((candidate) => candidate.code === code) as Voucher;
  return voucher.percent;
}
