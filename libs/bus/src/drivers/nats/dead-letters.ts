import type { NatsDelivery } from './delivery.ts';
import type { JetStreamApi } from './jetstream.ts';
import type { Storage } from './storage.ts';
import { messageIdHeaders } from './wire.ts';

/**
 * Sets messages aside that were delivered too often. JetStream has nothing for it but advisories, which are lost when
 * nobody listens; so the member that meets such a message stores it as a dead letter and only then tells the broker
 * that the group is done with it. Whoever ends in between, the message comes again, to any member, and is stored once
 * for its id.
 */
export class DeadLetters {
  readonly #storage: Storage;
  readonly #api: JetStreamApi;

  constructor(storage: Storage, api: JetStreamApi) {
    this.#storage = storage;
    this.#api = api;
  }

  /**
   * Resolves when the broker has it. Below the base come the group and the subject it was published to; headers tell
   * the rest.
   *
   * @throws ApiFault, VedetteError
   */
  async store(group: string, delivery: NatsDelivery): Promise<void> {
    const { subject, payload, position, attempt, messageId, incarnation = '' } = delivery;
    const headers = messageIdHeaders(`dead/${group}/${incarnation}/${position}`, {
      'Vdt-Message-Id': messageId,
      'Vdt-Group': group,
      'Vdt-Attempts': `${attempt}`,
      'Vdt-Position': `${position}`,
    });
    await this.#api.store(`${this.#storage.deadLetterBase}${group}.${subject}`, payload, headers);
  }
}
