using FluentValidation;

namespace ChatCqrs.Application.Users;

/// <summary>A device as its client describes it when it signs in.</summary>
public sealed record DeviceBody
{
    public const int NameMax = 100;
    public const int PlatformMax = 50;

    internal const string Missing = "must be given: {name, platform}.";

    public string? Name { get; init; }
    public string? Platform { get; init; }

    /// <summary>
    /// True for a device that may lose what it stores, such as a browser: no message is deleted because it has it.
    /// </summary>
    public bool? Ephemeral { get; init; }

    internal sealed class Validator : AbstractValidator<DeviceBody>
    {
        public Validator()
        {
            RuleFor(device => device.Name).Must(name => name is not null && PlainText.IsLine(name, NameMax))
                .WithMessage($"must have 1 to {NameMax} characters, {PlainText.LineRule}.")
                .OverridePropertyName("name");
            RuleFor(device => device.Platform)
                .Must(platform => platform is not null && PlainText.IsLine(platform, PlatformMax))
                .WithMessage($"must have 1 to {PlatformMax} characters, {PlainText.LineRule}.")
                .OverridePropertyName("platform");
        }
    }
}
