/** How much of what waits one publication takes. */
import type { StagedFile } from '../../core/ports/lake.ts'

/** The first files in commit order, up to both limits, and always one. */
export function takeFiles(
  waiting: readonly StagedFile[],
  limits: { readonly maxBytes: number; readonly maxFiles: number },
): readonly StagedFile[] {
  let bytes = 0
  let count = 0
  for (const file of waiting) {
    if (count > 0 && (count >= limits.maxFiles || bytes + file.bytes > limits.maxBytes)) break
    bytes += file.bytes
    count++
  }
  return waiting.slice(0, count)
}
