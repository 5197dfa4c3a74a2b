using ChatCqrs.Client.Http;
using ChatCqrs.Client.Sending;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Client.Realtime;

/// <summary>The parts of a client that outlive a connection.</summary>
internal sealed record Shared(
    ChatClientOptions Options, Rest Rest, ITransport Transport, IChatStorage Storage, Outbox Outbox,
    Positions Positions, Confirmations Confirmations, EventHub Hub, INetwork Network, Clock Clock, Func<double> Random,
    ILogger Logger);
