import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
} from "@aws-sdk/client-s3";
import type { Up } from "./stack.ts";

/** The stack's bucket, as its owner sees it. */
export class Bucket {
  readonly #name: string;
  readonly #client: S3Client;

  constructor({ bucket }: Pick<Up, "bucket">) {
    this.#name = bucket.name;
    this.#client = new S3Client({
      endpoint: bucket.endpoint,
      region: bucket.region,
      credentials: {
        accessKeyId: bucket.access_key_id,
        secretAccessKey: bucket.secret_access_key,
        ...(bucket.session_token === undefined ? {} : { sessionToken: bucket.session_token }),
      },
      forcePathStyle: true,
    });
  }

  /** The keys that begin with `prefix`, in byte order. */
  async keys(prefix: string): Promise<string[]> {
    const pages = paginateListObjectsV2(
      { client: this.#client },
      { Bucket: this.#name, Prefix: prefix },
    );
    const keys: string[] = [];
    for await (const page of pages) {
      keys.push(...(page.Contents ?? []).map((object) => object.Key ?? ""));
    }
    return keys;
  }

  /** An object with its metadata. */
  async get(key: string): Promise<{ body: Buffer; head: GetObjectCommandOutput }> {
    const head = await this.#client.send(new GetObjectCommand({ Bucket: this.#name, Key: key }));
    return { body: Buffer.from((await head.Body?.transformToByteArray()) ?? []), head };
  }

  /** Writes an object, also over another. */
  async put(key: string, body: string | Uint8Array): Promise<void> {
    await this.#client.send(new PutObjectCommand({ Bucket: this.#name, Key: key, Body: body }));
  }

  /** Removes an object. */
  async remove(key: string): Promise<void> {
    await this.#client.send(new DeleteObjectCommand({ Bucket: this.#name, Key: key }));
  }
}
