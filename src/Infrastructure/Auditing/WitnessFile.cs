using ChatCqrs.Application.Auditing;
using ChatCqrs.Infrastructure.Tlog;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>Reads the policy of <see cref="AuditOptions.Witnesses"/>, and finds what is wrong at the start.</summary>
internal sealed class WitnessFile : IValidateOptions<AuditOptions>
{
    /// <returns>Null where no file is set.</returns>
    /// <exception cref="FormatException">It is no policy; the message begins with the line's number.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static WitnessPolicy? Read(AuditOptions options)
    {
        if (options.Witnesses is null)
            return null;
        using var file = File.OpenRead(options.Witnesses);
        var bytes = new byte[WitnessPolicy.SizeMax + 1];
        return WitnessPolicy.Parse(bytes.AsSpan(0, file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)));
    }

    public ValidateOptionsResult Validate(string? name, AuditOptions options)
    {
        try
        {
            var policy = Read(options);
            var reachable = policy?.Witnesses.Where(witness => witness.Prefix is not null).ToList() ?? [];
            return !options.Quorum || (policy is { HasQuorum: true } && policy.IsMetBy(reachable))
                ? ValidateOptionsResult.Success
                : ValidateOptionsResult.Fail(
                    "Audit:Quorum needs a file in Audit:Witnesses whose quorum witnesses with a URL can meet.");
        }
        catch (Exception fault) when (fault is FormatException or IOException or UnauthorizedAccessException)
        {
            return ValidateOptionsResult.Fail($"Audit:Witnesses, {options.Witnesses}: {fault.Message}");
        }
    }
}
