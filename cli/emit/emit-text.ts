/** What an emission says for people and programs. */
import type { EmitProgress } from '../../pipelines/runtime/emit/progress.ts'

/** One object, for a program. */
export function emitJson({ emission, output, state, rows, mark, request, topic }: EmitProgress): object {
  const snapshots = Object.fromEntries(rows.map(({ table, snapshot }) => [table, snapshot]))
  const { hits, undecodable } = mark
  return { emission, output, state, hits, undecodable, snapshots, request, topic }
}

export function emitLines(progress: EmitProgress, was: 'done now' | 'done before'): readonly string[] {
  const { output, mark, rows, emission } = progress
  const snapshot = rows.find(({ table }) => table === 'hits')?.snapshot ?? 'none'
  const count = `${mark.hits.toLocaleString('en')} hits of snapshot ${snapshot} are in ${output}`
  const called = output.startsWith('kafka:') ? `, as the emission ${emission}` : ''
  const left = mark.undecodable === 0 ? [] : [`${mark.undecodable} records that nobody can decode are not`]
  const again =
    was === 'done now'
      ? []
      : [
          output.startsWith('kafka:')
            ? 'that was done before; give it another --name to emit them again'
            : 'that was done before; take another file to emit them again',
        ]
  return [`${count}${called}`, ...left, ...again]
}
