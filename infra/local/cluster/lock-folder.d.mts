export declare const lockLimitMs: number
export declare const lockWithoutOwnerMs: number
export declare function withLock<T>(
  lock: string,
  work: () => Promise<T>,
  options?: { readonly limitMs: number },
): Promise<T>
