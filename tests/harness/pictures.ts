import type { Page } from "playwright-core";

/** The part of two pictures' pixels that clearly differ, from 0 to 1. Decoded by a page's browser, which can read PNG. */
export function differing(page: Page, a: Buffer, b: Buffer): Promise<number> {
  return page.evaluate(
    async (pictures) => {
      const [a, b] = await Promise.all(
        pictures.map(async (base64) => {
          const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
          const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
          const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
          canvas?.drawImage(bitmap, 0, 0);
          return canvas?.getImageData(0, 0, bitmap.width, bitmap.height).data;
        }),
      );
      if (a === undefined || b === undefined || a.length !== b.length) return 1;
      let different = 0;
      for (let at = 0; at < a.length; at += 4) {
        const far = [0, 1, 2].some(
          (channel) => Math.abs((a[at + channel] ?? 0) - (b[at + channel] ?? 0)) > 48,
        );
        if (far) different++;
      }
      return different / (a.length / 4);
    },
    [a.toString("base64"), b.toString("base64")],
  );
}
