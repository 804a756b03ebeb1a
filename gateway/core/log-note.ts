/** A moment that a collector keeps beside its log, in a small file of its own: of that log and no other. */
import type { KeptFile } from './kept-file.ts'

/** Ms since 1970; undefined where nothing was kept of this log, or nothing that can be read as that. @throws as the file does */
export async function readLogNote(file: KeptFile, log: string, name: string): Promise<number | undefined> {
  const bytes = await file.read()
  if (bytes === undefined) return undefined
  try {
    const kept = JSON.parse(bytes.toString('utf8'))
    return kept?.log === log && Number.isSafeInteger(kept[name]) ? kept[name] : undefined
  } catch {
    return undefined
  }
}

/** Resolves when it is durable. @throws as the file does */
export function writeLogNote(file: KeptFile, log: string, name: string, at: number): Promise<void> {
  return file.replace(Buffer.from(`${JSON.stringify({ log, [name]: at })}\n`))
}
