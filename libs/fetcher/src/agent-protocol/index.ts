/**
 * The agent protocol: subjects, documents and their doors, for both sides. docs/agent-protocol.md tells it to whoever
 * writes another agent.
 */
export { malformed, readDocument, readMembers, writeDocument } from './documents.ts';
export { type ReplyHead, readHead } from './head.ts';
export { type HintMessage, isHeartBeat, readHint, writeHeartBeat, writeHint } from './hints.ts';
export { documentLimits, heartBeatIntervalMs, maxPages, maxReplyBytes, maxVmsAsked } from './limits.ts';
export {
  CapabilitiesReply,
  DeviceStatsReply,
  DocumentsReply,
  GuestReply,
  HelloReply,
  HostStatsReply,
  StartReply,
} from './replies.ts';
export { type Question, questions, readQuestion } from './requests.ts';
export { type RowField, type RowLayout, readLayout, readRows, rowFields, rowFlags, wireRow } from './rows.ts';
export {
  type CompleteListing,
  type RuntimeStatsReply,
  type RuntimeStatsRequest,
  readRuntimeStats,
  writeCompleteReply,
  writeDeltaReply,
  writeRuntimeStatsRequest,
} from './runtime-stats.ts';
export { writeDeviceStats } from './samples.ts';
export { readSections, type SectionContents, type SectionsPart, sectionVerbs, writeSections } from './sections.ts';
export {
  type AgentVerb,
  agentPattern,
  agentSubject,
  agentVerbs,
  hintPattern,
  hintSubject,
  parseAgentSubject,
} from './subjects.ts';
export { isSpoken, protocolVersion } from './versions.ts';
