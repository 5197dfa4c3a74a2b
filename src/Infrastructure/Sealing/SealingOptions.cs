using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Sealing;

/// <summary>
/// The master keys, which wrap all secrets (section <c>Sealing</c> of the configuration). Without them all content is
/// lost.
/// </summary>
public sealed record SealingOptions
{
    public const int KeySize = 32;

    /// <summary>Master keys by id, each 32 bytes in base64. Old keys stay until all secrets are rewrapped.</summary>
    public Dictionary<string, string> MasterKeys { get; init; } = [];

    /// <summary>A file with more master keys, see <see cref="Sealing.MasterKeyFile"/>.</summary>
    public string? MasterKeyFile { get; init; }

    /// <summary>The id of the key that wraps new secrets; optional if there is a single key.</summary>
    public string? CurrentKey { get; init; }

    /// <summary><see cref="CurrentKey"/>, or the id of the single key.</summary>
    internal string Current => CurrentKey ?? MasterKeys.Keys.Single();

    internal byte[] Key(string id) => MasterKeys.TryGetValue(id, out var key)
        ? Convert.FromBase64String(key)
        : throw new InvalidOperationException(
            $"Secrets are wrapped under the master key {id}, which is not configured.");

    /// <summary>Hides the keys, which a record would print.</summary>
    public override string ToString() =>
        $"{nameof(SealingOptions)} {{ {MasterKeys.Count} keys, current {CurrentKey} }}";

    internal sealed class Validator : IValidateOptions<SealingOptions>
    {
        public ValidateOptionsResult Validate(string? name, SealingOptions options) => FirstError(options) is { } error
            ? ValidateOptionsResult.Fail(error)
            : ValidateOptionsResult.Success;

        private static string? FirstError(SealingOptions options)
        {
            if (options.MasterKeys.Count == 0)
                return "Sealing:MasterKeys or Sealing:MasterKeyFile must hold at least one key.";
            Span<byte> bytes = stackalloc byte[KeySize + 1];
            foreach (var (id, key) in options.MasterKeys)
            {
                if (!Convert.TryFromBase64String(key, bytes, out var length) || length != KeySize)
                    return $"Sealing:MasterKeys:{id} must be {KeySize} bytes in base64.";
            }

            if (options.CurrentKey is null)
            {
                return options.MasterKeys.Count == 1
                    ? null
                    : "Sealing:CurrentKey must say which of Sealing:MasterKeys wraps new secrets.";
            }

            return options.MasterKeys.ContainsKey(options.CurrentKey)
                ? null
                : "Sealing:CurrentKey must name one of Sealing:MasterKeys.";
        }
    }
}
