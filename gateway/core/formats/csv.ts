/**
 * CSV as RFC 4180 describes it: a header row, lines ended by CR LF. Numbers are plain numbers, a value that is not there is
 * an empty cell. Spreadsheets run cells that look like formulas, and what hits send is anybody's text, so such a text is
 * defused by a leading apostrophe; so is one that reads like our own label of the row beyond the cut.
 */
import { otherLabel } from '../query/answer.ts'
import type { AnswerTable, Cell } from './table.ts'

export function csvText({ columns, rows }: AnswerTable): string {
  const lines = [columns.map(({ name }) => quoted(name)), ...rows.map((row) => row.map(cellText))]
  return lines.map((line) => `${line.join(',')}\r\n`).join('')
}

function cellText(cell: Cell): string {
  switch (cell.kind) {
    case 'text':
      return cell.text === null ? '' : quoted(defused(cell.text))
    case 'time':
    case 'label':
    case 'money':
      return cell.text
    default:
      return cell.value === null ? '' : String(cell.value)
  }
}

/** First characters after which spreadsheets compute (OWASP, CSV injection). */
const formula = /^[=+\-@\t\r\n]/

function defused(text: string): string {
  return formula.test(text) || text === otherLabel ? `'${text}` : text
}

// The semicolon too: in half of Europe spreadsheets take it for the separator.
function quoted(text: string): string {
  return /[",;\r\n\t]|^ | $/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
