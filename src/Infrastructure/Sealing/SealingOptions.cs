using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Sealing;

/// <summary>The keys that wrap every other secret (section <c>Sealing</c> of the configuration). Whoever loses them loses all content.</summary>
public sealed record SealingOptions
{
    public const int KeySize = 32;

    /// <summary>Master keys by id, each 32 bytes in base64. Old ones stay until everything is wrapped anew.</summary>
    public Dictionary<string, string> MasterKeys { get; init; } = [];

    /// <summary>The id of the key that wraps new secrets; may be left out when there is just one.</summary>
    public string? CurrentKey { get; init; }

    /// <summary>The id that new secrets are wrapped under.</summary>
    public string Current => CurrentKey ?? MasterKeys.Keys.Single();

    public byte[] Key(string id) => MasterKeys.TryGetValue(id, out var key)
        ? Convert.FromBase64String(key)
        : throw new InvalidOperationException($"Secrets are wrapped under the master key {id}, which is not configured.");

    internal sealed class Validator : IValidateOptions<SealingOptions>
    {
        public ValidateOptionsResult Validate(string? name, SealingOptions options)
        {
            if (options.MasterKeys.Count == 0)
                return ValidateOptionsResult.Fail("Sealing:MasterKeys must hold at least one key.");
            Span<byte> bytes = stackalloc byte[KeySize + 1];
            foreach (var (id, key) in options.MasterKeys)
            {
                if (!Convert.TryFromBase64String(key, bytes, out var length) || length != KeySize)
                    return ValidateOptionsResult.Fail($"Sealing:MasterKeys:{id} must be {KeySize} bytes in base64.");
            }

            return options.CurrentKey is null ? options.MasterKeys.Count == 1
                    ? ValidateOptionsResult.Success
                    : ValidateOptionsResult.Fail("Sealing:CurrentKey must name one of Sealing:MasterKeys.")
                : options.MasterKeys.ContainsKey(options.CurrentKey)
                    ? ValidateOptionsResult.Success
                    : ValidateOptionsResult.Fail("Sealing:CurrentKey must name one of Sealing:MasterKeys.");
        }
    }
}
