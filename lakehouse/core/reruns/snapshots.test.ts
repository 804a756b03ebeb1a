import { describe, expect, it } from 'vitest'
import type { SnapshotInfo } from '../../../core/ports/lake.ts'
import { publishAt, standingOf } from './snapshots.ts'

/** `5<3 p7`: snapshot 5 follows 3 and is of publication 7. The number is also when it was made; the table is at the first. */
function list(...texts: readonly string[]): readonly SnapshotInfo[] {
  return texts.map((text) => {
    const [, id = '', parent, publish] = /^(\d+)(?:<(\d+))?(?: p(\d+))?$/.exec(text) ?? []
    return {
      ...{ id, parent: parent ?? null, at: Number(id), operation: 'append', addedRows: 0, totalRows: 0 },
      publish: publish === undefined ? null : Number(publish),
    }
  })
}

describe('where a snapshot stands', () => {
  const plain = list('3<2', '2<1', '1')

  it('is what the table is at, or what it came from', () => {
    for (const id of ['3', '2', '1']) expect(standingOf(plain, id)).toBe('ancestor')
  })

  it('is not known of one that the table lacks', () => {
    expect(standingOf(plain, '4')).toBe('unknown')
    expect(standingOf([], '1')).toBe('unknown')
  })

  it('is behind a rollback where the table went on from an earlier one', () => {
    const rolledBack = list('5<2', '4<3', '3<2', '2<1', '1')
    expect(standingOf(rolledBack, '4')).toBe('left')
    expect(standingOf(rolledBack, '3')).toBe('left')
    expect(standingOf(rolledBack, '2')).toBe('ancestor')
    // Not gone on yet.
    expect(standingOf(list('2<1', '4<3', '3<2', '1'), '4')).toBe('left')
  })

  it('is an ancestor although expired ones are missing between', () => {
    const thinned = list('9<8', '8<7', '3<2', '2<1')
    expect(standingOf(thinned, '3')).toBe('ancestor')
    expect(standingOf(thinned, '2')).toBe('ancestor')
  })

  it('is behind a rollback where something later follows the same, though expired ones are missing', () => {
    const thinned = list('9<8', '6<2', '5<3', '3<2', '2<1')
    expect(standingOf(thinned, '3')).toBe('left')
    expect(standingOf(thinned, '5')).toBe('left')
    expect(standingOf(thinned, '6')).toBe('ancestor')
  })

  it('is behind a rollback where it is newer than all that the table is known to come from', () => {
    expect(standingOf(list('4<3', '9<8'), '9')).toBe('left')
    expect(standingOf(list('4<3', '3', '2<1'), '2')).toBe('left')
  })
})

describe('the newest publication of a snapshot', () => {
  it('is its own, or that of the newest it came from', () => {
    const snapshots = list('4<3', '3<2 p9', '2<1 p8', '1')
    expect(['4', '3', '2', '1'].map((id) => publishAt(snapshots, id))).toEqual([9, 9, 8, 0])
  })

  it('is not told where expired ones are missing before one names any', () => {
    const snapshots = list('9<8', '8<7', '3<2 p5')
    expect(publishAt(snapshots, '9')).toBeUndefined()
    expect(publishAt(snapshots, '3')).toBe(5)
  })

  it('is not told by a lake that notes none', () => {
    expect(publishAt(list('2<1', '1'), '2')).toBeUndefined()
  })
})
