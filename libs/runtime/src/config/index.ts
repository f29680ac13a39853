export { ConfigError, type ConfigFault, type ConfigFaultCode } from './faults.ts';
export { configJsonSchema, type JsonSchema, type JsonSchemaOptions } from './json-schema.ts';
export { type ConfigObjection, type LoadConfigOptions, type LoadedConfig, loadConfig } from './load.ts';
export { ENVIRONMENT_PREFIX } from './names.ts';
export type { FlagValue } from './overlay.ts';
export { readConfigFile } from './read-file.ts';
export { type ConfigFile, configLimits } from './read-yaml.ts';
export type { Resolved } from './resolved.ts';
export {
  ByteSize,
  Duration,
  type QuantityOptions,
  Secret,
  Section,
  type TByteSize,
  type TDuration,
  type TSection,
  Variants,
  type VariantsOptions,
} from './schema.ts';
export { describeSettings, type Setting } from './settings.ts';
