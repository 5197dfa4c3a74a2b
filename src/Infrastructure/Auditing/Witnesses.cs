using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using ChatCqrs.Application;
using ChatCqrs.Application.Auditing;
using ChatCqrs.Infrastructure.Tlog;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>
/// Gets the witnesses' cosignatures for the newest checkpoint of a log, and adds them to it; with
/// <see cref="AuditOptions.Quorum"/> it publishes the checkpoint once they are enough. Several nodes may do so at once.
/// A witness that fails is asked again after a second, then after twice as long each time, up to
/// <see cref="RetryMax"/>.
/// </summary>
internal sealed class Witnesses
{
    /// <summary>How often one checkpoint is sent to a witness in a row: it may tell another size each time.</summary>
    public const int AttemptsMax = 3;

    /// <summary>The longest time until a witness that fails is asked again.</summary>
    public static readonly TimeSpan RetryMax = TimeSpan.FromMinutes(5);

    /// <summary>How far ahead of this node's clock a cosignature's time may be.</summary>
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan RetryFirst = TimeSpan.FromSeconds(1);

    private static readonly Counter<long> Answers = Telemetry.Meter.CreateCounter<long>(
        "chat.audit.witness.answers", "{answer}", "Answers of witnesses, by witness and outcome.");

    private readonly ConcurrentDictionary<(string Log, string Witness), Heard> _heard = new();
    private readonly ConcurrentDictionary<string, string> _origins = new();
    private readonly WitnessPolicy? _policy;
    private readonly bool _needsQuorum;
    private readonly WitnessClient _client;
    private readonly TimeProvider _clock;
    private readonly ILogger<Witnesses> _logger;
    private readonly LogMirror? _mirror;

    public Witnesses(
        WitnessClient client, IOptions<AuditOptions> options, TimeProvider clock, ILogger<Witnesses> logger,
        LogMirror? mirror = null)
    {
        (_client, _clock, _logger, _mirror) = (client, clock, logger, mirror);
        (_policy, _needsQuorum) = (WitnessFile.Read(options.Value), options.Value.Quorum);
    }

    /// <summary>Whether there is anybody to ask.</summary>
    public bool Any => Asked.Any();

    private IEnumerable<PolicyWitness> Asked =>
        _policy?.Witnesses.Where(witness => witness.Prefix is not null) ?? [];

    /// <summary>Asks those witnesses for the largest checkpoint that have not cosigned it and are due.</summary>
    /// <returns>Whether the largest checkpoint is published, or there is none.</returns>
    public async Task<bool> CosignAsync(EntryLog log, CancellationToken cancellationToken)
    {
        if (await log.LargestAsync(cancellationToken) is not { } stored)
            return true;
        var (note, now) = (SignedNote.Parse(stored.Note), _clock.GetUtcNow());
        ForgetOthers(log, note);
        var due = Asked.Where(witness => !HasCosigned(note, witness) && HeardOf(log, witness).NotBefore <= now);
        await Task.WhenAll(due.Select(witness => AskAsync(log, witness, stored.Size, note, cancellationToken)));
        return await AddAsync(log, stored.Size, [], cancellationToken);
    }

    /// <summary>
    /// The largest size of a log that witnesses have told or cosigned. Asks each witness once that this node has not
    /// heard of, before this node signs anything: it may know more than the database does.
    /// </summary>
    /// <param name="log">The log.</param>
    /// <param name="cancellationToken">Ends the question.</param>
    /// <returns>Null where none of them has answered.</returns>
    public async Task<long?> LargestAsync(EntryLog log, CancellationToken cancellationToken)
    {
        if (await log.LargestAsync(cancellationToken) is not { } stored)
            return null;
        var note = SignedNote.Parse(stored.Note);
        ForgetOthers(log, note);
        var unheard = Asked.Where(witness => !HeardOf(log, witness).IsAsked);
        await Task.WhenAll(
            unheard.ToList().Select(witness => AskAsync(log, witness, stored.Size, note, cancellationToken)));
        return Asked.Max(witness => HeardOf(log, witness).Size);
    }

    /// <summary>Forgets what was said of a log that has ended, once another one with its own name follows it.</summary>
    private void ForgetOthers(EntryLog log, SignedNote note)
    {
        var origin = note.Text[..note.Text.IndexOf('\n', StringComparison.Ordinal)];
        if (_origins.GetValueOrDefault(log.Name, origin) != origin)
        {
            foreach (var key in _heard.Keys.Where(key => key.Log == log.Name))
                _heard.TryRemove(key, out _);
        }

        _origins[log.Name] = origin;
    }

    private async Task AskAsync(
        EntryLog log, PolicyWitness witness, long size, SignedNote note, CancellationToken cancellationToken)
    {
        for (var attempt = 1; attempt <= AttemptsMax; attempt++)
        {
            var old = HeardOf(log, witness).Size is { } told && told <= size ? told : 0;
            var proof = old > 0 ? await log.TreeOf(size).ConsistencyAsync(old, cancellationToken) : [];
            switch (await _client.AddCheckpointAsync(witness.Prefix!, old, proof, note.ToString(), cancellationToken))
            {
                case WitnessAnswer.Cosigned cosigned when LineOf(cosigned, note.Text, witness) is { } line:
                    Hear(log, witness, "cosigned", size);
                    await AddAsync(log, size, [line], cancellationToken);
                    return;
                case WitnessAnswer.Cosigned:
                    Fail(log, witness, "refused", "it has not cosigned the checkpoint by its key, or not now");
                    return;
                case WitnessAnswer.OtherSize { Size: var other } when other == old:
                    Fail(log, witness, "refused", "it contradicts itself about the size it has cosigned");
                    return;
                case WitnessAnswer.OtherSize { Size: var other } when other > size:
                    await HearAheadAsync(log, witness, other, cancellationToken);
                    return;
                case WitnessAnswer.OtherSize { Size: var other }:
                    Hear(log, witness, "other_size", other);
                    break;
                case WitnessAnswer.Refused refused:
                    Fail(log, witness, "refused", refused.Reason);
                    return;
                case WitnessAnswer.Unreachable unreachable:
                    Fail(log, witness, "unreachable", unreachable.Reason);
                    return;
            }
        }

        Fail(log, witness, "refused", "it names another size each time");
    }

    /// <summary>
    /// A size beyond the checkpoint's. Another node may have signed it meanwhile; then the log has it, since a size is
    /// signed after its commit.
    /// </summary>
    private async Task HearAheadAsync(
        EntryLog log, PolicyWitness witness, long size, CancellationToken cancellationToken)
    {
        var state = await log.StateAsync(cancellationToken);
        if (size <= (state?.Size ?? 0))
        {
            Hear(log, witness, "other_size", size);
            return;
        }

        Fail(log, witness, "ahead", $"it has cosigned {size} entries, and the log has {state?.Size ?? 0}", size);
    }

    private NoteSignature? LineOf(WitnessAnswer.Cosigned cosigned, string text, PolicyWitness witness)
    {
        var latest = (_clock.GetUtcNow() + ClockTolerance).ToUnixTimeSeconds();
        return cosigned.Lines.FirstOrDefault(line =>
            Cosignature.IsValid(text, line, witness.Key) && Cosignature.TimeOf(line) <= latest);
    }

    /// <summary>Adds lines to a checkpoint, and publishes it if that waited for its witnesses alone.</summary>
    /// <returns>Whether it is published now.</returns>
    private async Task<bool> AddAsync(
        EntryLog log, long size, IReadOnlyList<NoteSignature> lines, CancellationToken cancellationToken)
    {
        if (await log.AddSignaturesAsync(size, lines, isPublished: false, cancellationToken) is not { } note)
            return true; // Deleted: it is old.
        var cosigners = Asked.Where(witness => HasCosigned(note, witness)).ToList();
        if (_needsQuorum && _policy!.IsMetBy(cosigners))
        {
            if (_mirror is not null)
                await _mirror.WriteAsync(log, size, note.ToString(), cancellationToken);
            await log.AddSignaturesAsync(size, [], isPublished: true, cancellationToken);
        }

        return await log.CheckpointAsync(size, cancellationToken) is not { IsPublished: false };
    }

    private static bool HasCosigned(SignedNote note, PolicyWitness witness) =>
        note.Signatures.Any(line => Cosignature.IsValid(note.Text, line, witness.Key));

    private Heard HeardOf(EntryLog log, PolicyWitness witness) =>
        _heard.GetValueOrDefault((log.Name, witness.Name), Heard.Nothing);

    private void Hear(EntryLog log, PolicyWitness witness, string outcome, long size)
    {
        Count(witness, outcome);
        _heard[(log.Name, witness.Name)] = new Heard(size, IsAsked: true, 0, DateTimeOffset.MinValue, null);
    }

    private void Fail(EntryLog log, PolicyWitness witness, string outcome, string reason, long? size = null)
    {
        Count(witness, outcome);
        var heard = HeardOf(log, witness);
        if (heard.Reason != reason) // Once, not at each attempt.
        {
            _logger.LogWarning(
                "The witness {Witness} does not cosign {Log}: {Reason}", witness.Name, log.Name, reason);
        }

        var wait = RetryFirst * Math.Pow(2, Math.Min(heard.Failures, 16));
        _heard[(log.Name, witness.Name)] = new Heard(
            size ?? heard.Size, IsAsked: true, heard.Failures + 1,
            _clock.GetUtcNow() + (wait < RetryMax ? wait : RetryMax), reason);
    }

    private static void Count(PolicyWitness witness, string outcome) =>
        Answers.Add(1, new KeyValuePair<string, object?>("witness", witness.Name), new("outcome", outcome));

    /// <param name="Size">The size that the witness has told or cosigned last; null for none.</param>
    /// <param name="IsAsked">Whether it was asked since this node started.</param>
    /// <param name="Failures">In a row.</param>
    /// <param name="NotBefore">When it may be asked again.</param>
    /// <param name="Reason">Why it failed last.</param>
    private sealed record Heard(long? Size, bool IsAsked, int Failures, DateTimeOffset NotBefore, string? Reason)
    {
        public static readonly Heard Nothing = new(null, IsAsked: false, 0, DateTimeOffset.MinValue, null);
    }
}
