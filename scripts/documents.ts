import '@vedette/actor';
import '@vedette/agent';
import '@vedette/bus';
import '@vedette/fetcher';
import '@vedette/libvirt';
import '@vedette/store/memory';
import '@vedette/store/sqlite';
import { openApiDocument } from '@vedette/api';
import '@vedette/api/exporter';
import '@vedette/host-monitor';
import { asyncApiDocument, eventSchemaDocuments } from '@vedette/model';
import { definedErrors } from '@vedette/runtime';
import { describeSettings } from '@vedette/runtime/config';
import { definedMetrics } from '@vedette/telemetry';
import '@vedette/loadgen';
import '@vedette/updater';
import { configSchema, publishedConfigSchema } from '@vedette/vedette';

/** Everything that is written from the code, by path: `make docs` writes it, a test holds the files equal to it. */
export function generatedDocuments(version: string): ReadonlyMap<string, string> {
  const documents = new Map<string, string>([
    ['docs/errors.md', errorsPage()],
    ['docs/metrics.md', metricsPage()],
    ['docs/configuration.md', configurationPage()],
    ['docs/generated/config.schema.json', json(publishedConfigSchema())],
    ['docs/generated/events.asyncapi.json', json(asyncApiDocument(version))],
    ['docs/generated/openapi.json', json(openApiDocument())],
  ]);
  for (const [name, schema] of eventSchemaDocuments())
    documents.set(`docs/generated/events/${name}.json`, json(schema));
  return documents;
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

const notice = '<!-- Written by `make docs` from the code. -->';

function errorsPage(): string {
  const rows = [...definedErrors()]
    .filter(([code]) => !code.startsWith('VDT_TESTBED_'))
    .map(([code, { summary, action, retryable }]) =>
      row([`\`${code}\``, sentence(summary), sentence(action), retryable ? 'yes' : 'no']),
    );
  return page('Errors', [
    'Every error of Vedette has a code. The command line prints one sentence and what to do; logs carry the code. *Retry* says whether the same call may succeed later without anybody changing anything.',
    table(['Code', 'What happened', 'What to do', 'Retry'], rows),
  ]);
}

function metricsPage(): string {
  const rows = [...definedMetrics()].map(({ name, type, help }) => row([`\`${name}\``, type, help]));
  return page('Metrics', [
    'All metrics exist from the start, at zero. Names and units follow Prometheus.',
    table(['Name', 'Type', 'What it says'], rows.sort()),
  ]);
}

function configurationPage(): string {
  const rows = describeSettings(configSchema).map(
    ({ key, variable, flag, secret, default: preset, description, allowed }) =>
      row([
        `\`${key}\``,
        preset === undefined ? '' : `\`${typeof preset === 'string' ? preset : JSON.stringify(preset)}\``,
        `${sentence(description ?? '')}. Allowed: ${allowed}.`,
        [variable, secret ? undefined : `--${flag}`]
          .filter((one) => one !== undefined)
          .map((one) => `\`${one}\``)
          .join(' '),
      ]),
  );
  return page('Configuration', [
    `One YAML file, given by \`--config\`. Each key can also be set by an environment variable, and all but secrets by a flag: flag before environment before file before default. Durations and sizes carry their unit (\`500ms\`, \`3s\`, \`5m\`; \`256KiB\`). \`\${NAME}\` and \`\${NAME:-default}\` in the file stand for environment variables. \`vedette validate FILE\` checks a file and names every fault with its line; the JSON Schema for editors is [generated/config.schema.json](generated/config.schema.json).`,
    table(['Key', 'Default', 'Meaning', 'Variable, flag'], rows),
  ]);
}

function page(title: string, blocks: readonly string[]): string {
  return `${notice}\n\n# ${title}\n\n${blocks.join('\n\n')}\n`;
}

function table(head: readonly string[], rows: readonly string[]): string {
  return [row(head), row(head.map(() => '---')), ...rows].join('\n');
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
}

function sentence(text: string): string {
  return text === '' ? '' : text.charAt(0).toUpperCase() + text.slice(1);
}
