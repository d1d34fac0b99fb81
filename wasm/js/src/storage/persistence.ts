/** How safe the browser keeps what is stored: asked, and answered in its words. */

/** What the browser says. */
export interface Persistence {
  /** Whether it promises not to remove the data on its own. */
  readonly persisted: boolean;
  /** Bytes that the page's origin uses, and may use; `null` where the browser does not say. */
  readonly usage: number | null;
  readonly quota: number | null;
}

/** Asks how things stand; with `request`, for the promise as well, which may make the browser ask its user. */
export async function persistence({ request = false }: { request?: boolean } = {}): Promise<Persistence> {
  const storage = globalThis.navigator?.storage as Partial<StorageManager> | undefined;
  const asked = request ? storage?.persist?.() : storage?.persisted?.();
  const persisted = await Promise.resolve(asked).catch(() => false);
  const { usage, quota } = (await storage?.estimate?.().catch(() => undefined)) ?? {};
  return { persisted: persisted ?? false, usage: usage ?? null, quota: quota ?? null };
}
